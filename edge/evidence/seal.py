"""Owns sealing: an original that nobody on the node, and nobody who takes the node away, can open.

age (C2SP age.md), X25519 recipients. The private keys are with those whom the group and the police agreed
on; the node has the public ones, which can close and not open. Sealing happens in memory: an open original
never touches the disk. ``age -d -i KEYFILE FILE`` opens it anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.errors import EvidenceUnsealable

AGE: Final = "application/age"
_MISSING: Final = (
    "Originals cannot be sealed here, so none is kept: the package pyrage is missing. It comes with tuquan "
    "on 64-bit systems; for a 32-bit Raspberry Pi OS there is none: install the 64-bit one."
)


def seal(content: bytes, recipients: Sequence[str]) -> bytes:
    """Encrypt to everybody listed; each can open it alone.

    Raises:
        EvidenceUnsealable: there is nobody to seal to, a key is none, or the machine has no pyrage.
    """
    if not recipients:
        raise EvidenceUnsealable("There is nobody to seal to: evidence.recipients is empty.")
    try:
        import pyrage  # noqa: PLC0415 - not there on 32-bit ARM, and only here needed
    except ImportError as error:
        raise EvidenceUnsealable(_MISSING) from error
    try:
        keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
        sealed: bytes = pyrage.encrypt(content, keys)
    except (pyrage.RecipientError, pyrage.EncryptError) as error:
        raise EvidenceUnsealable(f"Originals cannot be sealed to these keys: {error}.") from error
    return sealed


def seal_problem(recipients: Sequence[str]) -> str:
    """Why originals cannot be sealed here, found before the first one comes; empty when they can."""
    try:
        seal(b"", recipients)
    except EvidenceUnsealable as error:
        return str(error)
    return ""
