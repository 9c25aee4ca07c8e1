"""Owns the kinds of what a node says: the last level of an alert's or an event's topic."""

from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    """What an alert is about; the last level of its topic."""

    PANIC = "panic"
    SMOKE = "smoke"
    TAMPER = "tamper"
    LINE_FAULT = "line-fault"
    DEVICE_FAULT = "device-fault"
    INTRUSION = "intrusion"
    LOITERING = "loitering"
    CROWD = "crowd"
    OBSTRUCTION = "obstruction"
    NODE_SILENT = "node-silent"
    NODE_POWER_LOST = "node-power-lost"
    MESSAGE_GAP = "message-gap"
    UNKNOWN_BOOT = "unknown-boot"


class EventKind(StrEnum):
    """What is worth keeping, not worth waking anyone; the last level of its topic."""

    SENSOR_STATE = "sensor-state"
    CLOCK = "clock"
    COMMAND = "command"
    CROSSING = "crossing"
    TRACK = "track"


SEEN: Final = frozenset({AlertKind.INTRUSION, AlertKind.LOITERING, AlertKind.CROWD, AlertKind.OBSTRUCTION})
"""The kinds of alert that a rule raises of what a camera sees."""
