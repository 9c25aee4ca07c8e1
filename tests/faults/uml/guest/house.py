"""What every program inside the machine needs: saying something on the console, modules, disks.

Knows only the standard library, for it runs in machines that live for seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import lzma
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DISK = Path("/run/disk")
_SYS_INIT_MODULE = 175  # x86_64, arch/x86/entry/syscalls/syscall_64.tbl
_LIBC = ctypes.CDLL(None, use_errno=True)


def job() -> dict[str, Any]:
    """What this machine is to do."""
    read: dict[str, Any] = json.loads(Path(os.environ["TUQUAN_JOB"]).read_text(encoding="utf-8"))
    return read


def say(what: str, /, **details: object) -> None:
    """Report on the console; when this returns, the report has left the machine."""
    line = json.dumps({"say": what, **details}, ensure_ascii=True)
    os.write(1, f"@{line}\n".encode())


def main(program: Callable[[dict[str, Any]], None]) -> None:
    """Run a program and say how it ended: "done", or "failed" with the reason."""
    try:
        program(job())
    except BaseException as error:  # noqa: BLE001 - the machine's outer edge: the reason goes to the console
        traceback.print_exc()
        say("failed", text=f"{type(error).__name__}: {error}")
        sys.exit(1)
    say("done")


def sh(command: str, timeout_s: float = 60.0) -> str:
    """Run a shell command to its end; returns what it printed.

    Raises:
        RuntimeError: it failed; the text is what it said.
    """
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        raise RuntimeError(f"`{command}` failed: {done.stdout} {done.stderr}")
    return done.stdout


@contextlib.contextmanager
def mounted(device: str) -> Iterator[Path]:
    """An ext4 file system at `DISK`."""
    mount(device)
    try:
        yield DISK
    finally:
        _check(_LIBC.umount2(os.fsencode(DISK), 0), f"{DISK} cannot be unmounted")


def mount(device: str) -> None:
    """Mount an ext4 file system at `DISK`; its journal is replayed where that is due.

    Raises:
        OSError: the kernel does not.
    """
    done = _LIBC.mount(device.encode(), os.fsencode(DISK), b"ext4", 0, b"")
    _check(done, f"{device} cannot be mounted")


def _check(done: int, what: str) -> None:
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def load(*names: str) -> None:
    """Load kernel modules and what they depend on, without any tool for it.

    Raises:
        OSError: the kernel does not take one.
    """
    folder = Path(job()["modules"])
    needs = _dependencies(folder)
    for name in names:
        path = next((path for path in needs if _module_name(path) == name.replace("-", "_")), None)
        if path is not None:  # else it is a part of the kernel itself
            for each in (*reversed(needs[path]), path):
                _insert(folder / each)


def _dependencies(folder: Path) -> dict[str, list[str]]:
    lines = (folder / "modules.dep").read_text(encoding="utf-8").splitlines()
    return {path: rest.split() for path, _, rest in (line.partition(":") for line in lines)}


def _module_name(path: str) -> str:
    return Path(path).name.partition(".")[0].replace("-", "_")


def _insert(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    done = _LIBC.syscall(_SYS_INIT_MODULE, data, ctypes.c_ulong(len(data)), b"")
    if done == 0 or ctypes.get_errno() != errno.EEXIST:
        _check(done, f"{path.name} cannot be loaded")
