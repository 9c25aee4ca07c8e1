"""Owns the section [evidence]: what is kept of an incident, for how long, and who can open the original.

Light on purpose: the configuration is read by processes that never touch a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_RECIPIENT: Final = re.compile(r"age1[ac-hj-np-z02-9]{58}")
"""An X25519 recipient: Bech32 of 32 bytes behind ``age1`` (C2SP age.md, "The X25519 recipient type")."""
_MOST_RECIPIENTS: Final = 10
_PRIVATE: Final = (
    "This is a private key, which must never be on a node: make a new pair with age-keygen, and write the "
    "public key here, which begins with age1."
)
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
"""The alphabet and the generator of Bech32's checksum (BIP 173)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """What is kept of an incident."""

    enabled: bool = field(
        default=True,
        metadata={"help": "Whether pictures are kept and sent at all; false: an alert is words alone."},
    )
    clips: bool = field(
        default=True,
        metadata={"help": "Whether a clip of each incident is kept on the node; false: only the thumbnail."},
    )
    recipients: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Public age keys (age1…) of those who may open unblurred originals; their private keys "
            "never come near the node. Without one, no original is kept.",
            "example": '["age14f3a7lw3rn7tqgnlavsytv9ms427t97g97z6afppsyupat392g4qq59x48"]',
        },
    )
    keep_days: float = field(
        default=7.0,
        metadata={"help": "A clip is deleted after so long.", "unit": "days", "min": 0.01, "max": 365},
    )
    max_mb: int = field(
        default=1024,
        metadata={"help": "What all clips together may take.", "unit": "MB", "min": 1, "max": 1_000_000},
    )
    max_percent: int = field(
        default=25,
        metadata={
            "help": "The same as a share of the whole disk; the smaller one counts.",
            "unit": "%",
            "min": 1,
            "max": 90,
        },
    )
    min_free_mb: int = field(
        default=256,
        metadata={
            "help": "Free disk space that clips leave untouched; more than storage.min_free_mb.",
            "unit": "MB",
            "min": 0,
            "max": 65536,
        },
    )
    pre_roll_s: float = field(
        default=5.0,
        metadata={
            "help": "How much of the time before the alert a clip shows.",
            "unit": "s",
            "min": 0,
            "max": 30,
        },
    )
    post_roll_s: float = field(
        default=10.0,
        metadata={
            "help": "How much of the time after the alert, or the last update about it, it shows.",
            "unit": "s",
            "min": 1,
            "max": 60,
        },
    )
    max_s: float = field(
        default=30.0,
        metadata={"help": "Longest clip; a longer incident is cut.", "unit": "s", "min": 5, "max": 120},
    )
    bitrate_kbit: int = field(
        default=600,
        metadata={
            "help": "What a clip may take a second at most.",
            "unit": "kbit/s",
            "min": 64,
            "max": 20_000,
        },
    )
    memory_mb: int = field(
        default=8,
        metadata={
            "help": "Memory for the film of the last seconds; a clip is cut where it does not reach.",
            "unit": "MB",
            "min": 1,
            "max": 256,
        },
    )
    thumbnail_kb: int = field(
        default=30,
        metadata={"help": "Largest thumbnail.", "unit": "KB", "min": 4, "max": 30},
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if len(self.recipients) > _MOST_RECIPIENTS:
            yield "recipients", f"These are too many; at most {_MOST_RECIPIENTS} can open one original."
        for index, recipient in enumerate(self.recipients):
            if recipient.upper().startswith("AGE-SECRET-KEY-"):
                yield f"recipients[{index}]", _PRIVATE
            elif not _RECIPIENT.fullmatch(recipient):
                yield f"recipients[{index}]", "This is no public key of age; age-keygen prints one: age1…"
            elif not _checks(recipient):
                yield f"recipients[{index}]", f"There is a slip of the pen in {recipient}: copy it again."
        if self.max_s < self.pre_roll_s + 1:
            yield "max_s", f"It has to be longer than pre_roll_s, which is {self.pre_roll_s:g} s."
        if self.memory_mb * 8192 < self.bitrate_kbit * (self.pre_roll_s + 1):
            need = round(self.bitrate_kbit * (self.pre_roll_s + self.max_s) / 8192 + 1)
            yield "memory_mb", f"At this bitrate the film before an alert does not fit: give {need} MB."


def _checks(recipient: str) -> bool:
    """Whether the checksum of a Bech32 text is right: one letter taken for another is found."""
    prefix, _, data = recipient.rpartition("1")
    values = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    values += [_BECH32.index(letter) for letter in data]
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check == 1
