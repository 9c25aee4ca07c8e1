"""Owns how each kind of alert weighs: the four words by which CAP sorts alerts."""

from dataclasses import dataclass
from typing import Final

from edge.cap import Category, Certainty, Severity, Urgency
from edge.kinds import AlertKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How an alert weighs: the four words by which CAP sorts alerts."""

    category: Category
    urgency: Urgency
    severity: Severity
    certainty: Certainty


WEIGHTS: Final[dict[AlertKind, Weight]] = {
    # Clauses: CAP 1.2, 3.2.2. Severe is its second highest word; a press says so first hand: Observed.
    AlertKind.PANIC: Weight(
        category=Category.SECURITY,
        urgency=Urgency.IMMEDIATE,
        severity=Severity.SEVERE,
        certainty=Certainty.OBSERVED,
    ),
    # One detector without a second witness: Likely, not Observed.
    AlertKind.SMOKE: Weight(
        category=Category.FIRE,
        urgency=Urgency.IMMEDIATE,
        severity=Severity.SEVERE,
        certainty=Certainty.LIKELY,
    ),
    AlertKind.TAMPER: Weight(
        category=Category.SECURITY,
        urgency=Urgency.IMMEDIATE,
        severity=Severity.MODERATE,
        certainty=Certainty.LIKELY,
    ),
    # Expected asks for somebody within the hour: meanwhile the line protects nobody.
    AlertKind.LINE_FAULT: Weight(
        category=Category.INFRA,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.OBSERVED,
    ),
    AlertKind.DEVICE_FAULT: Weight(
        category=Category.INFRA,
        urgency=Urgency.EXPECTED,
        severity=Severity.MINOR,
        certainty=Certainty.OBSERVED,
    ),
    AlertKind.INTRUSION: Weight(
        category=Category.SECURITY,
        urgency=Urgency.IMMEDIATE,
        severity=Severity.MODERATE,
        certainty=Certainty.LIKELY,
    ),
    # Somebody who waits, or a crowd that gathers, may have every reason to.
    AlertKind.LOITERING: Weight(
        category=Category.SECURITY,
        urgency=Urgency.EXPECTED,
        severity=Severity.MINOR,
        certainty=Certainty.POSSIBLE,
    ),
    AlertKind.CROWD: Weight(
        category=Category.SECURITY,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.LIKELY,
    ),
    # A blocked fire lane harms nobody until it burns.
    AlertKind.OBSTRUCTION: Weight(
        category=Category.SAFETY,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.LIKELY,
    ),
    # What the station says of a node: Likely where it follows from silence.
    AlertKind.NODE_SILENT: Weight(
        category=Category.INFRA,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.LIKELY,
    ),
    AlertKind.NODE_POWER_LOST: Weight(
        category=Category.INFRA,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.LIKELY,
    ),
    AlertKind.MESSAGE_GAP: Weight(
        category=Category.INFRA,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.OBSERVED,
    ),
    # A replay or a second machine under the node's name is possible, no more.
    AlertKind.UNKNOWN_BOOT: Weight(
        category=Category.SECURITY,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.POSSIBLE,
    ),
}
"""What each kind weighs unless its raiser knows better."""
