"""Owns the words that are taken over from the Common Alerting Protocol (OASIS CAP 1.2), clause by clause."""

from enum import StrEnum


class MsgType(StrEnum):
    """CAP 1.2, 3.2.1 <msgType>: the first message of an incident, a later one, or its withdrawal."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class Status(StrEnum):
    """CAP 1.2, 3.2.1 <status>: only Actual is to be acted on."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class Category(StrEnum):
    """CAP 1.2, 3.2.2 <category>, the ones that a node can use."""

    SAFETY = "Safety"
    SECURITY = "Security"
    RESCUE = "Rescue"
    FIRE = "Fire"
    HEALTH = "Health"
    TRANSPORT = "Transport"
    INFRA = "Infra"
    OTHER = "Other"


class Urgency(StrEnum):
    """CAP 1.2, 3.2.2 <urgency>: when somebody should act."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """CAP 1.2, 3.2.2 <severity>: how great the threat to life or property is."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """CAP 1.2, 3.2.2 <certainty>: Observed, Likely (above 50 %), Possible (below it) and so on."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"
