"""Small disks of a scenario's own, to be filled, frozen and made read-only; real file systems, as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

from tests.faults.harness.parts import HarnessError


def missing():
    """Why there can be no such disk here; nothing when there can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    for program in ("mount", "mkfs.ext4"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            return f"{program} is not installed"
    return ""


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


class Disk:
    """A context manager over an ext4 file system in a file, mounted.

    Args:
        home: a folder for the image and the place where it is mounted.
        megabytes: its size.
        block: bytes a block; with less than a page, memory shared in a file has holes when it is full.
    """

    def __init__(self, home, megabytes=16, block=4096):
        self._block = block
        self.path = home / "disk"
        self._image = home / "disk.img"
        self._megabytes = megabytes
        self._ballast = self.path / "ballast"

    def __enter__(self):
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(self._megabytes * 2**20)
        _run("mkfs.ext4", "-q", "-b", str(self._block), "-m", "0", "-O", "^has_journal", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.path))
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", str(self.path)], capture_output=True, check=False)

    def fill(self, leaving=0):
        """Take all space but so many bytes, as whatever else may lie on the card."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for block in (2**20, 65536, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(b"\0" * block)
            ballast.truncate(max(0, ballast.tell() - leaving))
            os.fsync(ballast.fileno())

    def empty(self):
        """Give the space back."""
        self._ballast.unlink()

    def read_only(self, yes):
        """Mount it anew, read-only or not.

        Raises:
            HarnessError: somebody has a file open for writing there.
        """
        _run("mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.path))
