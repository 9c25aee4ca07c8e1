"""The real picamera2 on libcamera's virtual camera, which differs from a Pi's camera in two ways.

It has no raw stream, which picamera2 asks about when it opens a camera; and the buffers of its NV12 pictures
have two planes, which have to be mapped as one piece.
"""

import mmap
import os

from picamera2 import Picamera2
from picamera2.allocators import LibcameraAllocator


class OnePiece:
    """Maps a whole frame buffer for the time that picamera2 holds a picture."""

    def __init__(self, allocator, buffer, write):  # noqa: ARG002 - picamera2's signature
        self._maps = allocator.maps
        self._buffer = buffer

    def __enter__(self):
        fd = self._buffer.planes[0].fd
        key = os.fstat(fd).st_ino
        if key not in self._maps:
            self._maps[key] = mmap.mmap(fd, sum(plane.length for plane in self._buffer.planes))
        return self._maps[key]

    def __exit__(self, *_):
        """Keep the map: the next picture in this buffer needs it again."""


class OnePieceAllocator(LibcameraAllocator):  # type: ignore[misc]  # untyped
    """Lets libcamera allocate the buffers, and maps each in one piece."""

    needs_sync = False

    def __init__(self, owner):
        super().__init__(None)
        self._owner = owner
        self.maps = {}
        self.sync = OnePiece

    def allocate(self, libcamera_config, use_case):
        self.camera = self._owner.camera
        super().allocate(libcamera_config, use_case)


class VirtualPicamera2(Picamera2):  # type: ignore[misc]  # untyped
    """Picamera2, for a virtual camera."""

    def __init__(self, camera_num=0):
        super().__init__(camera_num, allocator=OnePieceAllocator(self))

    def _get_raw_modes(self):
        return [{"format": "NV12", "size": (640, 480)}]
