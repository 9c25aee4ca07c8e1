"""What has to be true of the figures, and whether it is: the promises that the project is held to.

Owns the aims of the stress set and of the pedestrian video. An aim that nothing was counted for is not met
and not missed; it is NOT TESTED, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge.evaluate.run import Record
from edge.evaluate.tally import Tally, found_share, ratio

QUIET: Final = ("light-steps", "rain", "insects")
"""Conditions that must never raise an alert by themselves."""
PEDESTRIANS: Final = "pedestrians"
"""The condition of the pedestrian video."""
FOUND: Final = 0.95
TRACKS: Final = 1.2
_TALL: Final = (2, 3)
"""The sizes from 60 pixels on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """One promise and what came of it.

    Attributes:
        text: What was promised.
        figure: What was measured, in words.
        met: Whether it is kept; None where nothing could be measured.
    """

    text: str
    figure: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """One word, or two."""
        return {True: "met", False: "MISSED", None: "NOT TESTED"}[self.met]


def stress_aims(measured: Sequence[tuple[Record, Tally]]) -> Iterator[Aim]:
    """The aims of the stress set: no alert from what is nobody, and people found."""
    for word in QUIET:
        empty = Tally.sum(
            tally for record, tally in measured if word in record.clip.conditions and _empty(record)
        )
        yield _no_alerts(word, empty)
    yield _people(Tally.sum(tally for _, tally in measured))


def pedestrian_aims(measured: Iterable[tuple[Record, Tally]]) -> Iterator[Aim]:
    """The aim of the pedestrian video, where it is among the recordings: who stays is followed, as one."""
    own = [tally for record, tally in measured if PEDESTRIANS in record.clip.conditions]
    if not own:
        return
    people = Tally.sum(own).people
    found = found_share(people) or 0.0
    tracks = ratio(sum(person.tracks for person in people), len(people)) or 0.0
    yield Aim(
        text=f"every walker who stays for 3 s is followed, with at most {TRACKS} tracks a person",
        figure=f"{found:.0%} of {len(people)}, {tracks:.2f} tracks a person",
        met=found == 1 and tracks <= TRACKS if people else None,
    )


def _no_alerts(word: str, tally: Tally) -> Aim:
    text = f"no alert from {word} alone"
    if not tally.clips:
        return Aim(text=text, figure="no such recording", met=None)
    count = len(tally.false)
    return Aim(text=text, figure=f"{count} in {tally.judged_s / 60:.0f} minutes", met=not count)


def _people(tally: Tally) -> Aim:
    text = f"at least {FOUND:.0%} of the people of 60 px and more are found"
    tall = tally.of_size(*_TALL)
    share = found_share(tall)
    if share is None:
        return Aim(text=text, figure="the pedestrian video is not in the cache, so nobody walks", met=None)
    return Aim(text=text, figure=f"{share:.1%} of {len(tall)}", met=share >= FOUND)


def _empty(record: Record) -> bool:
    """Whether nobody is in it and nothing happens."""
    return not record.clip.truth.events
