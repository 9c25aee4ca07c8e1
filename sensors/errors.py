"""Every exception that `sensors` raises on purpose, under one root.

The tree:

    SensorsError (Exception)
    ├── PinProblem (OSError)             a GPIO device could not be opened
    ├── SimulatorProblem (OSError)       the simulated hardware's socket could not be used
    ├── BadPicture (ValueError)          what was to be looked at is no picture
    ├── FilmError                        frames cannot be encoded, or film cannot be read
    └── CameraError
        ├── CameraUnavailable            the camera cannot be opened with these settings, here
        ├── CameraTimeout (TimeoutError) no frame came in time
        ├── CameraLost (ConnectionError) the camera was there and is gone
        └── EndOfStream (EOFError)       a recording came to its end

Errors are for opening. Once a device is open it reports what goes wrong as a
`sensors.readings.Reading` and goes on, because nobody stands beside a node at night to restart it.
"""


class SensorsError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""


class PinProblem(SensorsError, OSError):
    """A GPIO device could not be opened.

    Attributes:
        device: The device's configured name, such as ``gate button``.
        pin: Where it is wired: a BCM number, ``None`` where it is not a single pin (an ADC channel).
        reason: What went wrong, as a clause.
        remedy: What would put it right, as a sentence.
    """

    def __init__(self, device: str, pin: int | None, reason: str, remedy: str) -> None:
        self.device = device
        self.pin = pin
        self.reason = reason
        self.remedy = remedy
        where = "" if pin is None else f" on GPIO {pin}"
        super().__init__(f"{device}{where} cannot be opened: {reason}. {remedy}")


class SimulatorProblem(SensorsError, OSError):
    """The simulated hardware's control socket could not be opened, reached or stopped."""


class BadPicture(SensorsError, ValueError):
    """What was to be looked at is no picture: an array of another kind or shape, or an empty one."""


class FilmError(SensorsError):
    """Frames cannot be encoded on this machine, or encoded ones cannot be read again."""


class CameraError(SensorsError):
    """The root of everything that goes wrong with a camera."""


class CameraUnavailable(CameraError):
    """The camera cannot be opened: wrong source, missing file or package, or a device in use elsewhere."""


class CameraTimeout(CameraError, TimeoutError):
    """No frame came within the time-out; the camera may still be alive."""


class CameraLost(CameraError, ConnectionError):
    """The camera was open and has gone: close it, and open it again later."""


class EndOfStream(CameraError, EOFError):
    """A recording that does not loop has come to its end; there are no more frames."""
