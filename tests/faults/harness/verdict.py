"""The judge: what lit the lamp, against what the other end has.

A press is *due* when its node lived on and ended in order, or when the lamp answered it before the node was
killed: it went on, or the row of lamps fell back to "pressed", which it does for a new press; or the lamp
still shone seconds later. What is due and not archived is lost. A press that nobody was shown anything of
may be there or not.

Rows are matched to presses life by life, in order: the next row belongs to the next press that was made
before it. A row that finds none is one that nobody pressed for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from tests.faults.harness.ledger import FAULT, PRESSED, RECEIVED, SEEN, SENT, Press

SECOND_NS = 1_000_000_000
GRAIN_NS = 3_000_000
"""The wire tells milliseconds, cut off, and two clocks are read one after the other."""

ANSWER_NS = 20_000_000
"""From a row's time to the lamp: a commit."""


@dataclass(slots=True, kw_only=True)
class Limits:
    """What a scenario allows; each is there for its reason.

    Attributes:
        late_s: how long after the press the node may date it: more only where the disk is made to stand.
        unmarked_s: how late it may come unmarked: 10 s old when it is sent, and unanswered for ack_timeout_s.
        patience_s: how long the lamp has to shine to have answered a press that changed nothing in it:
            longer than a busy machine may hold the node up, or the lamp still speaks of the press before.
    """

    late_s: float = 1.0
    unmarked_s: float = 16.0
    patience_s: float = 3.0


@dataclass(slots=True)
class Verdict:
    """What came out, in figures and in sentences."""

    scenario: str
    seed: int
    limits: Limits = field(default_factory=Limits)
    lines: list[tuple[str, object]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self):
        """Whether the promise was kept."""
        return not self.wrong

    def say(self, what, value):
        """Add a line to the table."""
        self.lines.append((what, value))

    def blame(self, sentence):
        """Add something that must not be."""
        self.wrong.append(sentence)

    def demand(self, holds, sentence):
        """Blame unless it holds."""
        if not holds:
            self.blame(sentence)

    def table(self):
        """The whole verdict as text."""
        width = max((len(what) for what, _ in self.lines), default=0)
        head = f"{self.scenario}, seed {self.seed}: {'kept' if self.good else 'BROKEN'}"
        body = [f"  {what:<{width}}  {value}" for what, value in self.lines]
        return "\n".join([head, *body, *(f"  ! {sentence}" for sentence in self.wrong[:20])])


def judge(scenario, seed, ledger, archived, limits=None):
    """Compare a world's ledger with what the other end has."""
    limits = limits or Limits()
    verdict = Verdict(scenario, seed, limits)
    panics = [row for row in archived if row.topic.endswith("/alert/panic")]
    matched, strangers = match(ledger, panics, limits)
    answered = {press.number for press in ledger.presses if is_answered(ledger, press, matched, limits)}
    due = {
        press.number
        for press in ledger.presses
        if press.number in answered or ledger.lives[press.life].orderly
    }
    lost = sorted(due - matched.keys())
    verdict.say("presses", len(ledger.presses))
    verdict.say("answered by the lamp", len(answered))
    verdict.say("archived", len(panics))
    verdict.say("lives of the node", len(ledger.lives))
    verdict.say("lost", len(lost))
    for number in lost:
        verdict.blame(f"{_named(ledger, number)} is not archived. {_story(ledger, number)}")
    for row in strangers:
        around = _around(ledger, panics, row.happened_ns)
        verdict.blame(f"Row {row.seq}, {row.id}, was archived, and nobody pressed for it. {around}")
    _judge_lamps(verdict, ledger, matched)
    _judge_rows(verdict, archived)
    _judge_times(verdict, ledger, matched, limits)
    _judge_order(verdict, panics)
    return verdict


def match(ledger, panics, limits):
    """Rows to presses: {press number: row}, and the rows that are left over."""
    matched, strangers = {}, []
    presses: dict[int, list[Press]] = {life.number: [] for life in ledger.lives}
    for press in ledger.presses:
        presses[press.life].append(press)
    late_ns = int(limits.late_s * SECOND_NS)
    for row in sorted(panics, key=lambda row: (row.happened_ns, row.seq)):
        for life in ledger.lives:
            if not life.started_ns - GRAIN_NS <= row.happened_ns <= (life.ended_ns or row.happened_ns):
                continue
            waiting = presses[life.number]
            while waiting and row.happened_ns - waiting[0].at_ns > late_ns:
                waiting.pop(0)
            if waiting and waiting[0].at_ns <= row.happened_ns + GRAIN_NS:
                matched[waiting.pop(0).number] = row
                break
        else:
            strangers.append(row)
    return matched, strangers


def is_answered(ledger, press, matched, limits):
    """Whether the lamp told whoever pressed that it was heard."""
    life_ends_ns = ledger.lives[press.life].ended_ns or 2**63
    following = ledger.presses[press.number + 1 : press.number + 2]
    until_ns = min([life_ends_ns, *(other.at_ns for other in following)])
    from_ns = max(press.at_ns, _busy_until_ns(ledger, press, matched))
    shining = ledger.is_lit(PRESSED, from_ns)
    for lamp in ledger.lamps_between(from_ns, until_ns):
        if lamp.pin == PRESSED and lamp.lit:
            return True
        shining = shining and lamp.pin != PRESSED
        if lamp.pin in (SENT, RECEIVED, SEEN) and not lamp.lit and shining:
            return True
    settled_ns = press.at_ns + int(limits.patience_s * SECOND_NS)
    return settled_ns <= life_ends_ns and ledger.is_lit(PRESSED, settled_ns)


def _busy_until_ns(ledger, press, matched):
    """Until when the lamp may still have been answering the press before, where that one was served late."""
    before = matched.get(press.number - 1)
    if before is None or ledger.presses[press.number - 1].life != press.life:
        return 0
    return before.happened_ns + ANSWER_NS


def _judge_lamps(verdict, ledger, matched):
    """The lamp was lit for a press only, and "received" only when everything it stood for was archived."""
    false = 0
    first_ns = min((press.at_ns for press in ledger.presses), default=2**63)
    for lamp in ledger.lamps:
        if lamp.pin == PRESSED and lamp.lit and lamp.at_ns < first_ns:
            false += 1
            verdict.blame("The lamp was lit before anybody pressed.")
        if lamp.pin in (RECEIVED, SEEN) and lamp.lit:
            false += _judge_received(verdict, ledger, matched, lamp)
    verdict.say("falsely lit", false)
    verdict.say(
        "times the lamp said received", sum(lamp.pin == RECEIVED and lamp.lit for lamp in ledger.lamps)
    )
    verdict.say("times the fault lamp was lit", sum(lamp.pin == FAULT and lamp.lit for lamp in ledger.lamps))


def _judge_received(verdict, ledger, matched, lamp):
    """Every press by then must have been archived by then, but for one that takes the light back at once."""
    made = [press for press in ledger.presses if press.at_ns < lamp.at_ns and press.number in matched]
    falls = any(
        other.pin == lamp.pin and not other.lit
        for other in ledger.lamps_between(lamp.at_ns, lamp.at_ns + SECOND_NS)
    )
    early = [p for p in made if matched[p.number].received_ns > lamp.at_ns + GRAIN_NS]
    if early and early[-1] is made[-1] and falls:
        early.pop()
    for press in early:
        verdict.blame(f"The lamp said received when {_named(ledger, press.number)} was not archived.")
    return len(early)


def _judge_rows(verdict, archived):
    """Each message once, and no number twice; a number that is missing was given and not kept."""
    missing = 0
    for boot in {row.boot for row in archived}:
        known = {row.seq for row in archived if row.boot == boot}
        missing += max(known) - min(known) + 1 - len(known)
    verdict.say("numbers missing", missing)
    ids = Counter(row.id for row in archived)
    numbers = Counter((row.boot, row.seq) for row in archived)
    verdict.say("archived twice", sum(count > 1 for count in ids.values()))
    for one, count in ids.items():
        verdict.demand(count == 1, f"Message {one} was archived {count} times.")
    for (boot, seq), count in numbers.items():
        verdict.demand(count == 1, f"Number {seq} of boot {boot} was given to {count} messages.")


def _judge_times(verdict, ledger, matched, limits):
    """Each press is dated when it was made, and says so when it came late."""
    late_ns, worst_ns, unmarked = int(limits.late_s * SECOND_NS), 0, 0
    for number, row in matched.items():
        off_ns = abs(row.happened_ns - ledger.presses[number].at_ns)
        worst_ns = max(worst_ns, off_ns)
        if off_ns > late_ns + GRAIN_NS and row.clock == "synced":
            verdict.blame(
                f"{_named(ledger, number)} is dated {off_ns / 1e9:.3f} s off, by a clock called synced."
            )
        waited_ns = row.received_ns - row.happened_ns
        if waited_ns > limits.unmarked_s * SECOND_NS and not row.delayed:
            unmarked += 1
            verdict.blame(f"{_named(ledger, number)} came {waited_ns / 1e9:.1f} s late and does not say so.")
    verdict.say("dated off by at most", f"{worst_ns / 1e6:.0f} ms")
    verdict.say("late and not marked", unmarked)


def _judge_order(verdict, panics):
    """Within a boot, numbers rise with the time of the presses."""
    wrong = 0
    rows = sorted(panics, key=lambda row: (row.boot, row.seq))
    for before, after in pairwise(rows):
        if before.boot == after.boot and before.happened_ns > after.happened_ns + GRAIN_NS:
            wrong += 1
            verdict.blame(f"Message {after.id} has a higher number than an older one, {before.id}.")
    verdict.say("out of order", wrong)


def _named(ledger, number):
    press = ledger.presses[number]
    life = ledger.lives[press.life]
    since = (life.ended_ns - press.at_ns) / 1e6 if life.ended_ns else float("inf")
    return f"Press {number} (in life {life.number}, {since:.1f} ms before its end)"


def _around(ledger, panics, at_ns):
    """What happened within two seconds of a moment, in milliseconds after it."""
    things = [(row.happened_ns, f"row {row.seq}") for row in panics]
    things += [(press.at_ns, f"press {press.number} in life {press.life}") for press in ledger.presses]
    for life in ledger.lives:
        things += [(life.started_ns, f"start {life.number}"), (life.ready_ns, f"ready {life.number}")]
        things += [(life.ended_ns, f"end {life.number}")]
    things += [(lamp.at_ns, f"{lamp.pin} {'on' if lamp.lit else 'off'}") for lamp in ledger.lamps]
    near = sorted((when_ns - at_ns, what) for when_ns, what in things if abs(when_ns - at_ns) < 2 * SECOND_NS)
    return ", ".join(f"{off_ns / 1e6:+.1f}: {what}" for off_ns, what in near)


def _story(ledger, number):
    """What the lamps did around a press, in milliseconds after it."""
    at_ns = ledger.presses[number].at_ns
    seen = ledger.lamps_between(at_ns - 300_000_000, at_ns + 1_500_000_000)
    lamps = (f"{(lamp.at_ns - at_ns) / 1e6:+.1f}: {lamp.pin} {'on' if lamp.lit else 'off'}" for lamp in seen)
    presses = (
        f"{(press.at_ns - at_ns) / 1e6:+.1f}: press {press.number}"
        for press in ledger.presses[max(0, number - 2) : number + 3]
    )
    return f"Lamps: {', '.join(lamps) or 'nothing'}. Presses: {', '.join(presses)}."
