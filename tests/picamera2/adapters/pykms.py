"""Stands in for the kernel's display binding, which picamera2 imports; without a screen it is of no use."""


class PixelFormat:
    """Every name exists and means nothing: nothing is ever shown."""

    RGB888 = BGR888 = XRGB8888 = XBGR8888 = YUV420 = YVU420 = NV12 = NV21 = YUYV = UYVY = MJPEG = None
