"""Compares what the node said of a recording with what is true of it.

Owns the counting of boxes in each look and of alerts against events (`following` counts people). Nothing but
what was labelled is compared: a frame without labels, a label nobody looked for and a thing that is ignored
count neither for nor against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.evaluate.clip import Truth, TruthEvent
from edge.evaluate.following import count_people
from edge.evaluate.match import centred, forgiven, pairs
from edge.evaluate.run import Look, Raised, Record
from edge.evaluate.tally import Boxes, Tally, size_of

EARLY_S: Final = 1.0
"""An alert so short before an event begins belongs to it: a label's first frame is a matter of taste."""
LATE_S: Final = 5.0
"""And so long after its end."""


def measure(record: Record) -> Tally:
    """Count one recording."""
    tally = Tally(clips=1)
    for look in record.looks:
        _count_look(tally, look, record.clip.truth)
    if not record.clip.still:
        tally.frames = len(record.looks)
        tally.looks = sum(look.looked is not None for look in record.looks)
        tally.moved = sum(look.moved for look in record.looks)
        empty = [look for look in record.looks if record.clip.truth.at(look.at_s) == ()]
        tally.empty, tally.moved_empty = len(empty), sum(look.moved for look in empty)
        count_people(tally, record)
    if record.clip.truth.events is not None:
        _count_alerts(tally, record.raised, record.clip.truth.events, record.lasts_s)
    return tally


# -- boxes -------------------------------------------------------------------------------------------------


def _count_look(tally: Tally, look: Look, truth: Truth) -> None:
    things = truth.at(look.at_s)
    if look.looked is None or things is None:
        return
    for label in truth.labels:
        there = [thing for thing in things if thing.label == label]
        wanted = [thing for thing in there if not thing.ignored and centred(thing.box, look.looked)]
        said = [hit.box for hit in look.detections if hit.label == label]
        found = pairs(wanted, said, truth.height)
        for number, thing in enumerate(wanted):
            boxes = _of(tally, thing.box.height, truth)
            boxes.true += 1
            boxes.found += number in found
        for number, box in enumerate(said):
            if number not in found.values() and not forgiven(box, there, truth.height):
                _of(tally, box.height, truth).wrong += 1


def _of(tally: Tally, height: float, truth: Truth) -> Boxes:
    return tally.boxes[size_of(height * truth.height)]


# -- alerts ------------------------------------------------------------------------------------------------


def _count_alerts(
    tally: Tally, raised: Sequence[Raised], events: Sequence[TruthEvent], lasts_s: float
) -> None:
    tally.judged_s = lasts_s
    hit: set[int] = set()
    for alert in sorted(raised, key=lambda alert: alert.at_s):
        belongs = [number for number, event in enumerate(events) if _belongs(alert, event)]
        fresh = [number for number in belongs if number not in hit]
        if fresh:
            hit.add(fresh[0])
            tally.waits_s.append(max(0.0, alert.at_s - events[fresh[0]].from_s))
        elif belongs:
            tally.repeats += 1
        else:
            tally.false.append(f"{alert.kind}: {alert.why}")
    tally.missed = len(events) - len(hit)


def _belongs(alert: Raised, event: TruthEvent) -> bool:
    here = not event.zone or event.zone == alert.zone
    return alert.kind == event.kind and here and event.from_s - EARLY_S <= alert.at_s <= event.to_s + LATE_S
