"""Debian packages without root: fetched with apt, unpacked into a folder, nothing installed.

Needs nothing but the standard library, for it also runs before there is a virtual environment:
``python3 -m edge.demo.debian FOLDER PACKAGE``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.errors import EdgeError

_TOOLS: Final = ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query")
_NEVER_UNPACKED: Final = frozenset({"libc6", "libgcc-s1"})  # they belong to the running system's loader
_DEPENDS: Final = re.compile(r"^\s*(\|?)(?:Pre)?Depends: ([a-z0-9][a-z0-9+.-]+)\s*$")
_APT_S: Final = 180.0


class PackageUnavailable(EdgeError, RuntimeError):
    """A package cannot be fetched; the text is the reason, without a full stop."""


def installed_package(name: str) -> bool:
    """Whether dpkg says that a package is installed."""
    done = run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name])
    return done.returncode == 0 and done.stdout.strip() == "installed"


def unpack(
    package: str,
    target: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    installed: Callable[[str], bool] = installed_package,
) -> None:
    """Fetch a Debian package and the libraries that the system lacks, and unpack them, as an ordinary user.

    Works with the system's package lists, or where they are missing with fresh ones.

    Args:
        package: its name.
        target: the folder that gets the files, made when it is not there.
        say: told in one sentence what takes time.
        installed: tells which libraries the system has already.

    Raises:
        PackageUnavailable: this is no Debian, or the packages cannot be fetched.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise PackageUnavailable(f"there is no {missing[0]} to fetch {package} with")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt-", dir=target.parent) as work:
        _fetch(package, Path(work), target, installed, say)


def _fetch(
    package: str, work: Path, target: Path, installed: Callable[[str], bool], say: Callable[[str], None]
) -> None:
    reason = "the package lists are empty"
    for own_lists in (False, True):
        options = _own_lists(work, say) if own_lists else []
        packages = _with_libraries(package, options, installed)
        archives = work / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        archives.mkdir()
        done = run(["apt-get", "-q", *options, "download", *packages], cwd=archives)
        if done.returncode == 0:
            for archive in sorted(archives.glob("*.deb")):
                run(["dpkg-deb", "-x", str(archive), str(target)])
            return
        reason = (done.stderr.strip().splitlines() or [reason])[-1]
    raise PackageUnavailable(reason)


def _own_lists(work: Path, say: Callable[[str], None]) -> list[str]:
    """Options for apt that keep everything in `work`; the package lists are fetched there."""
    state, cache = work / "state", work / "cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    settings = (
        f"Dir::State={state}",
        f"Dir::State::Lists={state / 'lists'}",
        "Dir::State::status=/var/lib/dpkg/status",
        f"Dir::Cache={cache}",
        "APT::Sandbox::User=",
    )
    options = [word for setting in settings for word in ("-o", setting)]
    say("Fetching the package lists (about 10 MB)")
    run(["apt-get", "-q", *options, "update"])  # one unreachable source of several is no reason to give up
    return options


def _with_libraries(package: str, options: list[str], installed: Callable[[str], bool]) -> list[str]:
    """A package and those libraries below it that the system does not have."""
    wanted, queue = [package], [package]
    while queue:
        for name in _depends(queue.pop(), options):
            known = name in wanted or name in _NEVER_UNPACKED
            if name.startswith("lib") and not known and not installed(name):
                wanted.append(name)
                queue.append(name)
    return wanted


def _depends(package: str, options: list[str]) -> list[str]:
    """What a package depends on directly; of alternatives, the first."""
    names, chosen = [], False
    for line in run(["apt-cache", *options, "depends", package]).stdout.splitlines():
        if match := _DEPENDS.match(line):
            if not chosen:
                names.append(match[2])
            chosen = bool(match[1])
    return names


def environment(libraries: Path | None) -> dict[str, str]:
    """The environment for a program, with the folder of unpacked libraries that it needs."""
    added = {"LD_LIBRARY_PATH": str(libraries)} if libraries else {}
    return {**os.environ, "LC_ALL": "C.UTF-8", **added}


def run(
    command: list[str], *, cwd: Path | None = None, libraries: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; one that cannot be run or never ends counts as failed."""
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment(libraries),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_APT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def main() -> int:
    """``python3 -m edge.demo.debian FOLDER PACKAGE``: unpack, and say what cannot be."""
    folder, package = sys.argv[1:]
    try:
        unpack(package, Path(folder), say=lambda text: print(text, file=sys.stderr))
    except PackageUnavailable as error:
        print(f"{package} could not be fetched: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
