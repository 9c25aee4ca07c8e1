"""Owns the table of pins: which GPIO a part uses unless told otherwise, and where that is on the header."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.checks import SPI_PINS
from edge.describe.sections import sections

HEADER: Final[dict[int, int]] = {
    2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21, 10: 19, 11: 23, 12: 32, 13: 33, 14: 8,
    15: 10, 16: 36, 17: 11, 18: 12, 19: 35, 20: 38, 21: 40, 22: 15, 23: 16, 24: 18, 25: 22, 26: 37, 27: 13,
}  # fmt: skip
"""BCM number to position on the 40-pin header (Raspberry Pi documentation, "GPIO and the 40-pin header")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRow:
    """One line of the table.

    Attributes:
        setting: The setting, such as ``panic_button.pin``, or ``MCP3008 CE0`` for the converter's.
        pin: BCM number.
        header: Position on the 40-pin header.
        direction: ``in``, ``out`` or ``spi``.
        default: False where the pin is only a proposal (the wiring diagram's) and the part is off without it.
    """

    setting: str
    pin: int
    header: int
    direction: str
    default: bool = True


def pin_table() -> list[PinRow]:
    """Every pin of the defaults and of the wiring diagram, then the converter's."""
    converter = [
        PinRow(setting=f"MCP3008 {name}", pin=pin, header=HEADER[pin], direction="spi")
        for pin, name in SPI_PINS.items()
    ]
    return [*_settings(), *converter]


def _settings() -> Iterator[PinRow]:
    for section in sections():
        for setting in section.settings:
            if setting.pin:
                given = setting.default not in (None, ())
                value = setting.default if given else setting.example
                for pin in value if isinstance(value, tuple) else (value,):
                    yield PinRow(
                        setting=f"{section.path}.{setting.name}",
                        pin=pin,
                        header=HEADER[pin],
                        direction=setting.pin,
                        default=given,
                    )
