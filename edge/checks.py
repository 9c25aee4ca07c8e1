"""Owns what has to hold between the sections of a configuration: pins, channels, names, labels.

Each check skips what was refused already, so that one mistake is one complaint. The pins of a node are
listed here too, for the documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from edge.errors import ConfigProblem
from edge.events import AlertKind, Status
from edge.settings import settings_of, under
from edge.watchchecks import watch_problems
from sensors.adc import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from edge.config import NodeConfig

SPI_PINS: Final = {8: "CE0", 9: "MISO", 10: "MOSI", 11: "SCLK"}
"""What the MCP3008 uses on SPI0 (BCM numbers)."""

SPI_SPARE: Final = 7
"""CE1: with SPI switched on the kernel holds it too, unless the overlay says that there is one chip only."""

_MOST_BYTES: Final = 6000
"""Of texts in an alert: with the rest it stays below 8 KB, which every broker lets through."""

GPIO_PINS: Final = range(2, 28)
"""The GPIO pins on the 40-pin header that are free to use (BCM numbers)."""

_VIETNAM: Final = ((5.0, 24.0), (102.0, 118.0))
"""Degrees north and east that hold the country with its islands; a warning outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinUse:
    """One GPIO pin that a configuration uses.

    Attributes:
        pin: BCM number.
        path: The setting that says so, or ``MCP3008 CE0`` and so on for the converter's.
        direction: ``in``, ``out`` or ``spi``.
    """

    pin: int
    path: str
    direction: str


def pin_uses(config: object, path: str = "") -> Iterator[PinUse]:
    """Every GPIO pin that a settings dataclass and those below it use, in order; without the converter's."""
    for setting in settings_of(cast("type", type(config))):
        value, where = getattr(config, setting.name), under(path, setting.name)
        if setting.pin:
            many = isinstance(value, tuple)
            for index, pin in enumerate(value if many else () if value is None else (value,)):
                yield PinUse(pin=pin, path=f"{where}[{index}]" if many else where, direction=setting.pin)
        elif setting.shape.table:
            yield from _inner_pins(value, where)


def _inner_pins(value: Any, where: str) -> Iterator[PinUse]:
    if isinstance(value, tuple):
        for index, entry in enumerate(value):
            yield from pin_uses(entry, f"{where}[{index}]")
    elif value is not None:
        yield from pin_uses(value, where)


def all_pin_uses(config: NodeConfig) -> list[PinUse]:
    """Every GPIO pin that a configuration uses, the analog converter's included."""
    uses = list(pin_uses(config))
    if config.smoke_sensor or config.tamper_loop:
        uses += [PinUse(pin=pin, path=f"MCP3008 {name}", direction="spi") for pin, name in SPI_PINS.items()]
    return uses


def cross_problems(config: NodeConfig, bad: AbstractSet[str]) -> list[ConfigProblem]:
    """What does not fit between sections.

    Args:
        config: The configuration; where it had errors, with stand-ins.
        bad: The paths of what was refused already.
    """
    found = [
        *_pins(config, bad),
        *_channels(config, bad),
        *_names(config, bad),
        *_brokers(config),
        *watch_problems(config, bad),
        *_warnings(config),
        *_simulated(config),
        *_sizes(config),
    ]
    return [problem for problem in found if not _is_about(problem.path, bad)]


def _is_about(path: str, bad: AbstractSet[str]) -> bool:
    """Whether a path, or something that it is a part of, was refused already."""
    return any(path == known or path.startswith((f"{known}.", f"{known}[")) for known in bad if known)


def _simulated(config: NodeConfig) -> Iterator[ConfigProblem]:
    if config.gpio.pin_factory == "mock" and config.node.status is Status.ACTUAL:
        remedy = "No button and no detector is real with this; take it away on a node, or set status to Test."
        yield ConfigProblem(path="gpio.pin_factory", value="mock", remedy=remedy, warning=True)


def _sizes(config: NodeConfig) -> Iterator[ConfigProblem]:
    """An alert has to fit the packets of any broker, with all that is sent along."""
    for kind in AlertKind:
        contacts = "".join(
            f"{entry.name}{entry.phone}{entry.role}" for entry in config.site.contacts.get(kind, ())
        )
        size = len("".join((config.node.place * 3, *config.site.steps.get(kind, ()), contacts)).encode())
        if size > _MOST_BYTES:
            remedy = (
                f"Place, steps and contacts of a {kind} alert have {size} bytes; keep within {_MOST_BYTES}."
            )
            yield ConfigProblem(path="node", remedy=remedy)


def _pins(config: NodeConfig, bad: AbstractSet[str]) -> Iterator[ConfigProblem]:
    uses = [use for use in all_pin_uses(config) if not _is_about(use.path, bad)]
    taken: dict[int, str] = {use.pin: use.path for use in uses if use.direction == "spi"}
    every = {use.pin for use in uses}
    free = ", ".join(str(pin) for pin in GPIO_PINS if pin not in every | {*SPI_PINS, SPI_SPARE})
    for use in uses:
        if use.direction == "spi":
            continue
        holder = taken.setdefault(use.pin, use.path)
        if holder != use.path:
            remedy = f"GPIO {use.pin} is used by {holder} already; a pin serves one thing. Free ones: {free}."
            yield ConfigProblem(path=use.path, value=use.pin, remedy=remedy)


def _channels(config: NodeConfig, bad: AbstractSet[str]) -> Iterator[ConfigProblem]:
    users = [(f"smoke_sensor[{n}].channel", entry.channel) for n, entry in enumerate(config.smoke_sensor)]
    users += [(f"tamper_loop[{n}].channel", entry.channel) for n, entry in enumerate(config.tamper_loop)]
    users = [(path, channel) for path, channel in users if not _is_about(path, bad)]
    taken: dict[int, str] = {}
    for path, channel in users:
        holder = taken.setdefault(channel, path)
        if holder != path:
            every = {number for _, number in users}
            free = ", ".join(str(number) for number in range(CHANNELS) if number not in every)
            remedy = f"Channel {channel} is used by {holder} already; each serves one. Free ones: {free}."
            yield ConfigProblem(path=path, value=channel, remedy=remedy)


def _devices(config: NodeConfig) -> Iterator[tuple[str, str]]:
    """The path and the value of every device's name."""
    for section in ("panic_button", "smoke_detector", "smoke_sensor", "tamper_loop", "power_input"):
        for index, entry in enumerate(getattr(config, section)):
            yield f"{section}[{index}].name", entry.name
    yield "camera.name", config.camera.name


def _names(config: NodeConfig, bad: AbstractSet[str]) -> Iterator[ConfigProblem]:
    taken: dict[str, str] = {}
    for path, name in _devices(config):
        if _is_about(path, bad):
            continue
        if not name.strip():
            remedy = "This is empty; give the device a name that tells people which one it is."
            yield ConfigProblem(path=path, value=name, remedy=remedy)
            continue
        holder = taken.setdefault(name.strip().lower(), path)
        if holder != path:
            remedy = f"{holder} has this name already; an alert could not say which one it was. Change one."
            yield ConfigProblem(path=path, value=name, remedy=remedy)


def _brokers(config: NodeConfig) -> Iterator[ConfigProblem]:
    taken: dict[tuple[str, int], str] = {}
    for index, broker in enumerate(config.broker):
        path = f"broker[{index}].host"
        holder = taken.setdefault((broker.host.lower(), broker.port), path)
        if holder != path:
            remedy = f"{holder} is the same broker; a second one helps only when it is another machine."
            yield ConfigProblem(path=path, value=broker.host, remedy=remedy)


def _warnings(config: NodeConfig) -> Iterator[ConfigProblem]:
    for path, value, remedy in (*_doubts(config), *_spare_pin(config)):
        yield ConfigProblem(path=path, value=value, remedy=remedy, warning=True)


def _spare_pin(config: NodeConfig) -> Iterator[tuple[str, object, str]]:
    remedy = "The SPI bus of the MCP3008 usually holds GPIO 7 (CE1) too; take another pin."
    if config.smoke_sensor or config.tamper_loop:
        yield from ((use.path, use.pin, remedy) for use in pin_uses(config) if use.pin == SPI_SPARE)


def _doubts(config: NodeConfig) -> Iterator[tuple[str, object, str]]:
    """What a node can run with, though somebody should look."""
    inputs = (config.panic_button, config.smoke_detector, config.smoke_sensor, config.tamper_loop)
    if not any(inputs):
        yield (
            "panic_button",
            None,
            "No button, smoke detector or tamper loop is configured; add [[panic_button]].",
        )
    if not any(inputs) and not config.camera.source:
        yield "camera.source", None, "There is no camera either: this node can never raise an alert."
    if config.siren.pin is not None and config.panic_button and all(b.covert for b in config.panic_button):
        yield "siren.pin", config.siren.pin, "Every button is covert, so no press will ever sound this siren."
    if config.camera.source and config.evidence.enabled and config.evidence.clips:
        yield from _evidence_doubts(config)
    for key, (low, high) in zip(("latitude", "longitude"), _VIETNAM, strict=True):
        value = getattr(config.node, key)
        if not low <= value <= high:
            yield f"node.{key}", value, "This is outside Vietnam; check that the two are not exchanged."


def _evidence_doubts(config: NodeConfig) -> Iterator[tuple[str, object, str]]:
    """Clips have to stop growing before the outbox has to."""
    least, value = config.storage.min_free_mb, config.evidence.min_free_mb
    if value <= least:
        remedy = f"Clips would take room that the outbox needs: give more than storage.min_free_mb ({least})."
        yield "evidence.min_free_mb", value, remedy
    for index, rule in enumerate(config.rule):
        if rule.upload and not config.intake.url:
            remedy = (
                "Nothing is sent at once without a way to the station: give [intake] its url and token_file."
            )
            yield f"rule[{index}].upload", True, remedy
