"""See the package."""


class PICAM2DNG:
    """Only its name is needed."""
