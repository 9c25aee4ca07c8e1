"""A process of the product that says when it is ready, as it would to systemd, and that can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.faults.harness.parts import HarnessError

ROOT = Path(__file__).resolve().parents[3]


class Process:
    """One process of the product, life after life.

    Args:
        words: what comes after ``python -m edge.cli``.
        run: a folder in memory; its log and its notification socket go there.
        name: what these are called.
    """

    def __init__(self, words, run, name):
        self.log = run / f"{name}.log"
        self.wrapper = ()
        self._words = words
        self._home = run
        self._notified = run / f"{name}.notify"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._notified))
        self._log_file = self.log.open("ab")
        self._process: Any = None

    @property
    def pid(self):
        """The process id of the present life."""
        return self._process.pid

    @property
    def alive(self):
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def launch(self, timeout_s=30.0):
        """Begin a life, and wait until it says that it is ready.

        Raises:
            HarnessError: it did not say so in time.
        """
        self._forget_notifications()
        self._process = subprocess.Popen(
            [*self.wrapper, sys.executable, "-m", "edge.cli", *self._words],
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=self._log_file,
            cwd=ROOT,
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(self._notified),
                "PYTHONPATH": str(ROOT),
                "LG_WD": str(self._home),
            },
        )
        deadline = time.monotonic() + timeout_s
        self._notify.settimeout(0.2)
        while time.monotonic() < deadline and self.alive:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in self._notify.recv(4096).split(b"\n"):
                    return
        raise HarnessError(f"{self._words[0]} did not become ready. {self.last_words()}")

    def end(self, how):
        """End its life by a signal; says its exit code, and whether it had ended by itself before."""
        crashed = self._process.poll() is not None
        if not crashed:
            self._process.send_signal(how)
        try:
            self._process.wait(20.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._process.returncode, crashed

    def rss_mb(self):
        """Its resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise HarnessError(f"/proc/{self.pid}/status has no VmRSS.")

    def last_words(self):
        """The end of its log."""
        return f"It said:\n{self.log.read_text(encoding='utf-8', errors='replace')[-3000:]}"

    def close(self):
        """End what still lives, and the files."""
        if self.alive:
            self.end(signal.SIGKILL)
        self._notify.close()
        self._log_file.close()

    def _forget_notifications(self):
        self._notify.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._notify.recv(4096)
