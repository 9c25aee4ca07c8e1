"""Where a user-mode Linux comes from: Debian's installed package, or the same unpacked without root.

User-mode Linux is the Linux kernel built as an ordinary program. What it is asked for here (power cuts,
clocks that are set, lossy lines, broken disks) is done by a real kernel, and the machine around it notices
nothing.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.demo.debian import PackageUnavailable, run, unpack
from edge.errors import EdgeError

PACKAGE = "user-mode-linux"
INSTALL_ADVICE = f"Install it with: sudo apt install {PACKAGE}"


class KernelUnavailable(EdgeError, RuntimeError):
    """There is no user-mode Linux to run here; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel that can be run as a program.

    Attributes:
        path: the executable.
        modules: the folder of its modules, with `modules.dep` and `kernel/` in it.
        release: such as "6.1.176".
    """

    path: Path
    modules: Path
    release: str


def locate(cache: Path, *, say: Callable[[str], None] = lambda _: None) -> Kernel:
    """The installed kernel, else one unpacked into `cache`.

    Args:
        cache: the project's cache; what was unpacked there before is used again.
        say: told in one sentence what takes time.

    Raises:
        KernelUnavailable: there is none for this machine, or it cannot be fetched.
    """
    if platform.machine() != "x86_64":
        raise KernelUnavailable(f"Debian has no {PACKAGE} for {platform.machine()}.")
    root = cache / PACKAGE
    for place in (Path("/"), root):
        for kernel in _kernels(place):
            return kernel
    return _unpacked(root, say)


def _kernels(root: Path) -> Iterator[Kernel]:
    """The kernels below `root` that run and have their modules."""
    path = root / "usr/bin/linux.uml"
    if path.is_file():
        release = run([str(path), "--version"]).stdout.strip()
        modules = root / "usr/lib/uml/modules" / release
        if release and (modules / "modules.dep").is_file():
            yield Kernel(path=path, modules=modules, release=release)


def _unpacked(root: Path, say: Callable[[str], None]) -> Kernel:
    say("Fetching user-mode Linux from this machine's package source (about 25 MB)")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{PACKAGE}-", dir=root.parent) as work:
        draft = Path(work, "root")
        try:
            unpack(PACKAGE, draft, say=say)
        except PackageUnavailable as error:
            raise KernelUnavailable(
                f"{PACKAGE} cannot be fetched here ({error}). {INSTALL_ADVICE}"
            ) from error
        if not any(_kernels(draft)):
            raise KernelUnavailable(f"Debian's {PACKAGE} was unpacked but does not run here.")
        shutil.rmtree(root, ignore_errors=True)
        draft.replace(root)
    return next(_kernels(root))
