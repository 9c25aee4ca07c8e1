"""One virtual machine: user-mode Linux on this machine's own files, read-only, with a console that reports.

Inside, `guest/init.sh` mounts what a program needs and runs a module of `tests.faults.uml.guest` with the
very Python and checkout that started it. The module says what happens in lines of the form ``@{"say": …}`` on
the console; everything else there is kept for the error message. Nothing inside can write to this machine:
its root is mounted read-only, its memory is gone with it, and only the disk images that were named are
written to.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.harness.parts import HarnessError
from tests.faults.uml.kernel import Kernel

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
BOOT_S = 60.0
"""Booting takes 1 s on a quiet machine; this is for a busy one."""
STOP_S = 20.0
MEMORY_MB = 384
_SKIPPED = ("raid6_select_algo", "init_zswap")
"""Measurements and pools of the kernel's start that cost a second and that nothing here uses."""

Report = dict[str, Any]


class MachineFailed(HarnessError):
    """A machine did not do what was waited for; the text ends with its last words."""


def disk_image(path: Path, megabytes: int, *, journal: bool = True) -> Path:
    """An empty disk with an ext4 file system, made without root; its file takes only what is written.

    Args:
        path: the image.
        megabytes: its size.
        journal: False for one that goes on after an error; with one, ext4 refuses until it is mounted anew.
    """
    with path.open("wb") as file:
        file.truncate(megabytes * 2**20)
    mke2fs = shutil.which("mke2fs") or "/usr/sbin/mke2fs"
    features = [] if journal else ["-O", "^has_journal"]
    command = [mke2fs, "-q", "-F", "-t", "ext4", "-b", "4096", *features, str(path)]
    subprocess.run(command, check=True, timeout=STOP_S)
    return path


def mend(image: Path) -> None:
    """Check a disk's file system and put it right, as every machine does at its start."""
    e2fsck = shutil.which("e2fsck") or "/usr/sbin/e2fsck"
    subprocess.run([e2fsck, "-fy", str(image)], capture_output=True, timeout=STOP_S, check=False)


class Machine:
    """A context manager: powered on at its entry, cut off at its exit if it still runs.

    Args:
        kernel: what to boot.
        folder: an existing folder for its own files.
        program: the module below `tests.faults.uml.guest` that runs inside.
        job: what that module is to do, as JSON.
        disks: images; the first is /dev/ubda inside, the second /dev/ubdb.

    Attributes:
        heard: every report so far.
    """

    def __init__(
        self,
        kernel: Kernel,
        folder: Path,
        program: str,
        job: Mapping[str, Any] | None = None,
        *,
        disks: Sequence[Path] = (),
    ) -> None:
        self.heard: list[Report] = []
        self._kernel = kernel
        self._folder = folder
        self._program = program
        self._job = {**(job or {}), "modules": str(kernel.modules)}
        self._disks = disks
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._words: deque[str] = deque(maxlen=60)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> Self:
        """Power it on; returns before it has booted."""
        job = self._folder / "job.json"
        job.write_text(json.dumps(self._job), encoding="utf-8")
        keeper = [sys.executable, "-I", "-S", str(HERE / "guard.py")]
        self._process = subprocess.Popen(
            [*keeper, *self._command(job)],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, name="uml-console", daemon=True)
        self._reader.start()
        return self

    def _command(self, job: Path) -> list[str]:
        disks = [f"ubd{number}={path}" for number, path in enumerate(self._disks)]
        settings = {
            "PYTHONPATH": ROOT,
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
            "TUQUAN_PYTHON": sys.executable,
            "TUQUAN_PROGRAM": f"tests.faults.uml.guest.{self._program}",
            "TUQUAN_JOB": job,
        }
        return [
            str(self._kernel.path),
            f"mem={MEMORY_MB}M",
            *("root=none", "rootfstype=hostfs", "rootflags=/", "ro"),
            f"init={HERE / 'guest' / 'init.sh'}",
            *("con=null", "con0=null,fd:1", "ssl=null", "quiet", "panic=-1", "pty.legacy_count=0"),
            f"initcall_blacklist={','.join(_SKIPPED)}",
            *(f"uml_dir={self._folder}/", f"umid=machine-{os.getpid()}-{id(self)}"),
            *disks,
            *(f"{name}={value}" for name, value in settings.items() if value),
        ]

    def _environment(self) -> dict[str, str]:
        """Where its memory lies: as an unnamed file in /dev/shm, else in its own folder."""
        room = shutil.disk_usage("/dev/shm").free if Path("/dev/shm").is_dir() else 0
        place = "/dev/shm" if room > 2 * MEMORY_MB * 2**20 else str(self._folder)
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self._folder), "TMPDIR": place}

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").strip()
            report = _report(line)
            if report is None:
                self._words.append(line)
            else:
                self._reports.put(report)
        self._reports.put(None)

    def hear(self, *kinds: str, timeout_s: float = BOOT_S) -> Report:
        """The next report of one of these kinds (`say`); others are passed over and kept in `heard`.

        Raises:
            MachineFailed: the machine said that something failed, ended, or was silent for `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                report = self._reports.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise self._failure(f"said none of {kinds} within {timeout_s:g} s") from None
            if report is None:
                raise self._failure(f"ended without saying any of {kinds}")
            self.heard.append(report)
            if report["say"] == "failed" and "failed" not in kinds:
                raise self._failure(f"failed: {report.get('text')}")
            if report["say"] in kinds:
                return report

    def cut(self) -> list[Report]:
        """Cut its power; returns what it had still said and nobody had heard.

        Raises:
            MachineFailed: it could not be killed, or had failed unheard.
        """
        if self._process is None or self._reader is None:
            return []
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise self._failure(f"did not die within {STOP_S:g} s") from None
        self._reader.join(STOP_S)
        assert not self._reader.is_alive()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = self._reader = None
        rest = []
        with contextlib.suppress(queue.Empty):
            while (report := self._reports.get_nowait()) is not None:
                rest.append(report)
        self.heard += rest
        if broken := next((report for report in rest if report["say"] == "failed"), None):
            raise self._failure(f"failed: {broken.get('text')}")
        return rest

    def _failure(self, what: str) -> MachineFailed:
        words = "\n".join(self._words)
        return MachineFailed(f"The machine that runs {self._program} {what}. Its last words:\n{words}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()


def _report(line: str) -> Report | None:
    """What a line of the console reports; None for any other line."""
    if not line.startswith("@{"):
        return None
    try:
        report = json.loads(line[1:])
    except ValueError:
        return None
    return report if isinstance(report, dict) and "say" in report else None
