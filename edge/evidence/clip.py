"""Owns the making of a clip's two files from the film of an incident; in memory, without a disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import EvidenceError, EvidenceUnsealable
from edge.evidence.cover import Span, covered
from edge.evidence.record import Role
from edge.evidence.seal import seal
from sensors.errors import FilmError
from sensors.film import Footage, decoded, encoded, mp4

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip, ready to be written.

    Attributes:
        files: The blurred one, and the sealed original where one can be kept.
        begin_ns: When its first picture was taken, in nanoseconds of the monotonic clock.
        end_ns: When its last one was.
        pictures: How many there are.
        unsealed: Why there is no original though there should be one; empty otherwise.
    """

    files: Mapping[Role, bytes]
    begin_ns: int
    end_ns: int
    pictures: int
    unsealed: str = ""


def make(
    footage: Footage,
    spans: Sequence[Span],
    *,
    recipients: Sequence[str],
    rate_fps: float,
    bitrate_kbit: int,
) -> Clip:
    """Blur, encode and seal.

    Raises:
        EvidenceError: there is no film, or it cannot be encoded.
    """
    times = [picture.at_ns for reel in footage for picture in reel.pictures]
    try:
        blurred = encoded(_blurred(footage, spans), rate_fps=rate_fps, bitrate_kbit=bitrate_kbit)
        files = {Role.BLURRED: mp4(blurred, rate_fps=rate_fps, bitrate_kbit=bitrate_kbit)}
        original = mp4(footage, rate_fps=rate_fps, bitrate_kbit=bitrate_kbit) if recipients else b""
    except FilmError as error:
        raise EvidenceError(f"No clip could be made: {error}") from error
    unsealed = ""
    if recipients:
        try:
            files[Role.ORIGINAL] = seal(original, recipients)
        except EvidenceUnsealable as error:
            unsealed = str(error)
    return Clip(files=files, begin_ns=times[0], end_ns=times[-1], pictures=len(times), unsealed=unsealed)


def _blurred(footage: Footage, spans: Sequence[Span]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for at_ns, image in decoded(footage):
        yield at_ns, covered(image, at_ns, spans)
