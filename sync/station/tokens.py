"""Who may hand messages in by HTTPS: one token for each node, of which the station keeps the sha256 alone.

Owns the token file: a line `commune/node sha256` for each node, mode 0600, replaced as a whole. A token is
256 random bits, so that a plain hash of it is as good as a slow one; nothing can be guessed, and a copy of
the file opens no door. A line that cannot be read locks out its own node and no other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sync.errors import SyncError
from sync.owned import give, open_or_make

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

_PREFIX: Final = "tuquan_"  # so that people and scanners for leaked secrets know what they look at
_RANDOM_BYTES: Final = 32
_LONGEST: Final = 200
_SLUG: Final = "[a-z0-9]+(?:-[a-z0-9]+)*"
_NODE: Final = re.compile(f"{_SLUG}/{_SLUG}")
_LINE: Final = re.compile(f"({_SLUG}/{_SLUG}) ([0-9a-f]{{64}})")
_HEAD: Final = "# commune/node and the sha256 of its token; made by: tuquan station token\n"


class TokenProblem(SyncError):
    """The token file cannot be read or written, or a node's name is none; the text says which and why."""


class Tokens:
    """The token file.

    Args:
        path: where it is; it need not exist yet, and then nobody is let in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark: tuple[int, ...] | None = None
        self._known: Mapping[str, str] = {}

    def node_of(self, token: str) -> str | None:
        """The "commune/node" that a token was made for; None when it is nobody's.

        Every line is compared, in constant time, and the file is read anew when it has changed.

        Raises:
            TokenProblem: the file cannot be read, so that nobody can be told apart.
        """
        self._refresh()
        if len(token) > _LONGEST:
            return None
        digest, found = _hash(token), None
        for node, known in self._known.items():
            if hmac.compare_digest(known, digest):
                found = node
        return found

    def nodes(self) -> tuple[str, ...]:
        """Whose token is valid now, as "commune/node".

        Raises:
            TokenProblem: the file cannot be read.
        """
        self._refresh()
        return tuple(sorted(self._known))

    def issue(self, node: str) -> str:
        """Make a token for a node; a former one stops working at once.

        Args:
            node: "commune/node".

        Returns:
            The token. This is the only time that anybody sees it.

        Raises:
            TokenProblem: that is no node's name, or the file cannot be written.
        """
        if not _NODE.fullmatch(node):
            raise TokenProblem(
                f"{node!r} is no node: write its commune and its name, such as ben-nghe/gate-3."
            )
        token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        self._change({node: _hash(token)})
        return token

    def revoke(self, node: str) -> bool:
        """Let a node's token be worth nothing from now on; says whether it had one.

        Raises:
            TokenProblem: the file cannot be read or written.
        """
        return self._change({node: None})

    def _refresh(self) -> None:
        try:
            there = self.path.stat()
            mark = (there.st_ino, there.st_size, there.st_mtime_ns)
            if mark != self._mark:
                self._known = dict(_parsed(self.path.read_text("utf-8"), self.path))
                self._mark = mark
        except FileNotFoundError:
            self._known, self._mark = {}, None
        except (OSError, ValueError) as error:
            raise TokenProblem(f"The token file {self.path} cannot be read: {_why(error)}.") from error

    def _change(self, changes: Mapping[str, str | None]) -> bool:
        """Write the file anew with some lines changed; says whether there was any of them before."""
        with self._alone():
            self._refresh()
            kept = dict(self._known)
            had = any(node in kept for node in changes)
            for node, digest in changes.items():
                kept.pop(node, None)
                if digest is not None:
                    kept[node] = digest
            self._write("".join([_HEAD, *(f"{node} {kept[node]}\n" for node in sorted(kept))]))
        return had

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two people at once must not undo each other's change."""
        try:
            beside = self.path.with_name(f"{self.path.name}.lock")
            lock = open_or_make(beside, owner=self.path.parent.stat(), mode=0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise TokenProblem(f"The token file {self.path} cannot be written: {_why(error)}.") from error

    def _write(self, text: str) -> None:
        number, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                give(file.fileno(), self.path.parent.stat())  # the station's own user goes on with it
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._mark = None


def _parsed(text: str, path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _LINE.fullmatch(line.strip()):
            yield found[1], found[2]
        else:
            log.error("Line %d of %s is not a node and a hash; its node is not let in.", number, path)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or "it is not UTF-8 text"
