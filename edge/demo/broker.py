"""A real mosquitto for the demo and the tests: the installed one, or Debian's package unpacked without root.

Owns where the program comes from and one running broker on a loopback port: its configuration file, its
process and its log. The broker keeps nothing on disk and is no example of how a commune should run one.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from edge.demo.debian import PackageUnavailable, environment, installed_package, run, unpack
from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MINIMUM_VERSION: Final = (2, 0)
"""Older ones bind to every address by default and have no complete MQTT 5."""

INSTALL_ADVICE: Final = "Install it with: sudo apt install mosquitto"

_BESIDE_PATH: Final = ("/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin")
_READY_S: Final = 10.0


class BrokerUnavailable(EdgeError, RuntimeError):
    """There is no mosquitto to run, or it does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A mosquitto that can be run.

    Attributes:
        path: the executable.
        version: such as (2, 0, 11).
        libraries: the folder for LD_LIBRARY_PATH when it was unpacked here; None for an installed one.
    """

    path: Path
    version: tuple[int, ...]
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment to run it in."""
        return environment(self.libraries)


def locate_mosquitto(
    cache: Path, *, search: Sequence[Path | str] | None = None, say: Callable[[str], None] = lambda _: None
) -> Program:
    """A mosquitto of at least `MINIMUM_VERSION`: the installed one, else one unpacked into `cache`.

    Args:
        cache: the project's cache; what was unpacked there before is used again.
        search: folders to look in instead of PATH and the system's usual ones.
        say: told in one sentence what takes time.

    Raises:
        BrokerUnavailable: none is installed and none could be unpacked; the text says what to install.
    """
    root = cache / "mosquitto"
    return find_mosquitto(search) or _unpacked(root) or unpack_mosquitto(root, say=say)


def find_mosquitto(search: Sequence[Path | str] | None = None) -> Program | None:
    """The first mosquitto that is new enough in `search` (default: PATH, then /usr/sbin and its like)."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *_BESIDE_PATH] if search is None else search
    for folder in folders:
        path = Path(folder, "mosquitto")
        if str(folder) and path.is_file() and os.access(path, os.X_OK):
            version = _version(path, None)
            if version >= MINIMUM_VERSION:
                return Program(path=path, version=version)
    return None


def unpack_mosquitto(
    root: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    installed: Callable[[str], bool] = installed_package,
) -> Program:
    """Fetch Debian's mosquitto and the libraries that it lacks into `root`, as an ordinary user.

    Args:
        root: the folder to fill; replaced as a whole, and only when the result runs.
        say: told in one sentence what takes time.
        installed: tells which libraries the system has already.

    Raises:
        BrokerUnavailable: this is no Debian, the packages cannot be fetched, or the result does not run.
    """
    say("Fetching the mosquitto broker from this machine's package source (about 1 MB)")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mosquitto-", dir=root.parent) as work:
        draft = Path(work, "root")
        try:
            unpack("mosquitto", draft, say=say, installed=installed)
        except PackageUnavailable as error:
            raise BrokerUnavailable(
                f"There is no mosquitto here and it could not be fetched ({error}). {INSTALL_ADVICE}"
            ) from error
        if _unpacked(draft) is None:
            raise BrokerUnavailable(
                f"Debian's mosquitto was unpacked but does not run here. {INSTALL_ADVICE}"
            )
        shutil.rmtree(root, ignore_errors=True)
        draft.replace(root)
    program = _unpacked(root)
    if program is None:
        raise BrokerUnavailable(f"The mosquitto unpacked into {root} does not run. {INSTALL_ADVICE}")
    return program


def _unpacked(root: Path) -> Program | None:
    """The mosquitto below `root`, if there is one and it runs."""
    path = root / "usr" / "sbin" / "mosquitto"
    libraries = next(iter(sorted(root.glob("usr/lib/*-linux-gnu*"))), root / "usr" / "lib")
    if not path.is_file():
        return None
    version = _version(path, libraries)
    return Program(path=path, version=version, libraries=libraries) if version >= MINIMUM_VERSION else None


def _version(path: Path, libraries: Path | None) -> tuple[int, ...]:
    """What `mosquitto -h` says; () when it does not run."""
    told = re.search(r"mosquitto version (\d+(?:\.\d+)*)", run([str(path), "-h"], libraries=libraries).stdout)
    return tuple(int(part) for part in told[1].split(".")) if told else ()


class Mosquitto:
    """One broker process on 127.0.0.1, in a folder of its own.

    Args:
        program: which mosquitto.
        directory: an existing folder for its configuration and log.
        lines: further lines of mosquitto.conf; those about TLS apply to the one listener.
        anonymous: whether clients may connect without a password.
        port: the TCP port; a free one is chosen when None, and kept over restarts.

    Raises:
        BrokerUnavailable: from `start` and `restart`, when it does not come up; the text ends with its own
            last words.
    """

    def __init__(
        self,
        program: Program,
        directory: Path,
        *,
        lines: Iterable[str] = (),
        anonymous: bool = True,
        port: int | None = None,
    ) -> None:
        self.host: Final = "127.0.0.1"
        self.port = port or 0
        self._program = program
        self._config = directory / "mosquitto.conf"
        self._log = directory / "mosquitto.log"
        self._lines = tuple(lines)
        self._anonymous = anonymous
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything that it has written to its log so far, over all its starts."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> Self:
        """Start it and wait until it accepts connections."""
        chosen = self.port
        for _ in range(3):  # somebody else may take a free port between our look and mosquitto's
            self.port = chosen or _free_port()
            if self._launch():
                return self
            if chosen or "Address already in use" not in self.log:
                break
        words = "\n".join(self.log.splitlines()[-3:])
        self.stop()
        raise BrokerUnavailable(f"{self._program.path} does not start on port {self.port}. It said:\n{words}")

    def stop(self, timeout_s: float = 5.0) -> None:
        """End it in an orderly way; killed if it takes longer than `timeout_s`. Safe to call twice."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL, 5.0)

    def restart(self) -> None:
        """Stop it if it runs and start it again on the same port."""
        self.stop()
        self.start()

    def configure(self, lines: Iterable[str]) -> None:
        """Other further lines of mosquitto.conf; they apply from the next start."""
        self._lines = tuple(lines)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> bool:
        self._config.write_text("\n".join(self._settings()) + "\n", encoding="utf-8")
        before = len(self.log)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program.path), "-c", str(self._config)],
                env=self._program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the demo's terminal is for the demo
            )
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and self.pid is not None:
            # Its own word as well: on a port that somebody else holds, that one would answer.
            if " running" in self.log[before:] and _answers(self.host, self.port):
                return True
            time.sleep(0.01)
        return False

    def _settings(self) -> list[str]:
        # As root mosquitto would become another user, who may not read the files of the one who started it.
        user = [f"user {pwd.getpwuid(0).pw_name}"] if os.geteuid() == 0 else []
        return [
            *user,
            "persistence false",
            "set_tcp_nodelay true",
            # Its default drops the newest for a subscriber who is 1000 behind. 0 (no limit) is no way out:
            # with it mosquitto 2.0 ends the connection of every publisher whom it has refused a topic.
            "max_queued_messages 1000000",
            "log_dest stderr",
            "log_type all",
            f"allow_anonymous {str(self._anonymous).lower()}",
            f"listener {self.port} {self.host}",
            *self._lines,
        ]

    def _end(self, how: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True
