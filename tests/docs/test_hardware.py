"""The hardware guides say what the program does: pins, channels, resistors, voltages, in both languages."""

import re
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from edge.checks import SPI_PINS
from edge.config import NodeConfig
from edge.settings import settings_of
from sensors.button import PanicButtonSettings
from sensors.lamps import LampSettings
from sensors.power import PowerInputSettings
from sensors.simulator import simulated_factory
from sensors.siren import SirenSettings
from sensors.smoke import SmokeDetectorSettings, SmokeSensorSettings
from sensors.tamper import TamperLoop, TamperLoopSettings

TOP = Path(__file__).parents[2]
ENGLISH, VIETNAMESE = TOP / "hardware.md", TOP / "docs/vi/phan-cung.md"
SECTIONS = {
    "panic_button": PanicButtonSettings,
    "smoke_detector": SmokeDetectorSettings,
    "smoke_sensor": SmokeSensorSettings,
    "tamper_loop": TamperLoopSettings,
    "power_input": PowerInputSettings,
    "lamps": LampSettings,
    "siren": SirenSettings,
}
ZERO_2_W = "902120"
VREF = 3.3
STATES = ("short", "normal", "alarm", "open")

both_guides = pytest.mark.parametrize("guide", [ENGLISH, VIETNAMESE], ids=["en", "vi"])


def find(pattern, text):
    """Return the groups of the first match; a guide without one fails the test."""
    found = re.search(pattern, text, re.DOTALL)
    assert found, f"nothing like {pattern}"
    return found.groups()


def divider(guide):
    """Return the pull-up, series and parallel resistors of the tamper loop, in ohms."""
    text = guide.read_text(encoding="utf-8")
    return [float(value) for value in find(r"<!-- loop Rp=(\d+) R1=(\d+) R2=(\d+) -->", text)]


def table(guide, name):
    """Return the cells of the table between a guide's markers, without its two header rows."""
    (body,) = find(rf"<!-- {name}.*?-->\n(.*?)<!-- /{name} -->", guide.read_text(encoding="utf-8"))
    rows = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip("` ") for cell in row] for row in rows[2:]]


def default(path):
    """Return the pin or channel that a setting means by itself, or that its example proposes."""
    section, _, name = path.partition(".")
    (setting,) = (entry for entry in settings_of(SECTIONS[section]) if entry.name == name)
    value = getattr(SECTIONS[section](), name)
    return int(setting.example) if value is None else value


def number(cell):
    """Return the first number in a cell, with a decimal point or comma."""
    return float(find(r"([0-9]+(?:[.,][0-9]+)?)", cell)[0].replace(",", "."))


@both_guides
def test_the_pin_table_is_the_programs(guide):
    """Each row's BCM number is the setting's default (or, for an optional part, its example)."""
    spi = {f"MCP3008 {name}": pin for pin, name in SPI_PINS.items()}
    for bcm, _, _, setting, direction in table(guide, "pins"):
        expected = spi[setting] if direction == "spi" else default(setting)
        assert int(bcm) == expected, setting


@both_guides
def test_the_pin_table_is_complete(guide):
    """Every setting that names a pin has its row, except the alternative RGB lamp."""
    named = {
        f"{section}.{setting.name}"
        for section, settings in SECTIONS.items()
        for setting in settings_of(settings)
        if setting.pin
    }
    assert named <= {row[3] for row in table(guide, "pins")} | {"lamps.rgb"}
    assert set(SECTIONS) <= {setting.name for setting in settings_of(NodeConfig)}


@both_guides
def test_no_pin_is_wired_twice(guide):
    """A BCM number and a header position stand in one row each."""
    rows = table(guide, "pins")
    for column in (0, 1):
        assert len({row[column] for row in rows}) == len(rows)


@both_guides
def test_header_positions_are_the_boards(guide):
    """The position on the 40-pin header is where the board really has that GPIO."""
    header = MockFactory(revision=ZERO_2_W).board_info.headers["J8"].pins
    for bcm, position, *_ in table(guide, "pins"):
        assert header[int(position)].name == f"GPIO{bcm}"


@both_guides
def test_directions_are_the_programs(guide):
    """A row says "in" or "out" as the setting does."""
    for _, _, _, path, direction in table(guide, "pins"):
        if direction != "spi":
            section, _, name = path.partition(".")
            assert [s.pin for s in settings_of(SECTIONS[section]) if s.name == name] == [direction]


def test_the_siren_is_silent_while_a_pi_starts():
    """Its pin is one that a Pi pulls low at power-up (9 to 27): a module that switches on high is off."""
    assert default("siren.pin") >= 9
    assert SirenSettings().active_high


@both_guides
def test_the_channel_table_is_the_programs(guide):
    """Each channel is the setting's default, on the chip's pin of that channel (channel 0 is pin 1)."""
    rows = table(guide, "channels")
    assert [row[3] for row in rows] == ["smoke_sensor.channel", "tamper_loop.channel"]
    for channel, chip_pin, _, setting in rows:
        assert int(channel) == default(setting)
        assert int(chip_pin) == int(channel) + 1


@both_guides
def test_the_loops_voltages_follow_from_its_resistors(guide):
    """Resistance, voltage and fraction of each state are those of the divider that is drawn."""
    pull_up, series, parallel = divider(guide)
    levels = [0.0, series / (series + pull_up), (series + parallel) / (series + parallel + pull_up), 1.0]
    for row, level in zip(table(guide, "loop"), levels, strict=True):
        assert number(row[2]) == pytest.approx(level * VREF, abs=0.006)
        assert number(row[3]) == pytest.approx(level, abs=0.006)
    ohms = [number(row[1]) * 1000 for row in table(guide, "loop")[1:3]]
    assert ohms == [series, series + parallel]


@both_guides
def test_the_loops_thresholds_are_the_programs(guide):
    """The last column names the settings' thresholds."""
    settings = TamperLoopSettings()
    short, normal, _, cut = (row[4] for row in table(guide, "loop"))
    assert number(short) == settings.short_below
    assert [float(x.replace(",", ".")) for x in re.findall(r"[0-9][.,][0-9]+", normal)] == [
        settings.normal_from,
        settings.normal_to,
    ]
    assert number(cut) == settings.open_above


@both_guides
@pytest.mark.parametrize("tolerance", [-0.01, 0.0, 0.01])
def test_a_loop_as_drawn_is_read_as_described(guide, tolerance):
    """With 1 % resistors, the real TamperLoop on a simulated converter gives each row's state."""
    pull_up, series, parallel = divider(guide)
    pull_up, series = pull_up * (1 - tolerance), series * (1 + tolerance)
    loops = {"short": 0.0, "normal": series, "alarm": series + parallel, "open": 1e9}
    now_ns = 0
    factory = simulated_factory()
    loop = TamperLoop(TamperLoopSettings(), lambda _: None, clock_ns=lambda: now_ns, pin_factory=factory)
    try:
        for state in STATES:
            factory.adc.set(loop.settings.channel, loops[state] / (loops[state] + pull_up))
            for _ in range(loop.settings.samples + 1):
                now_ns += 1_000_000_000
                loop.poll()
            assert loop.state == state
    finally:
        loop.close()


@both_guides
def test_the_gas_sensor_never_exceeds_the_converters_supply(guide):
    """The divider that is drawn brings 5 V below 3.3 V, and the threshold's voltages are right."""
    text = guide.read_text(encoding="utf-8").replace(",", ".")
    top, bottom, out = find(r"5 V x (\d+) / \((\d+) \+ \d+\) = ([0-9.]+) V", text)
    ratio = float(top) / (float(top) + float(bottom))
    assert float(out) == pytest.approx(5 * ratio, abs=0.006)
    assert 5 * ratio < VREF
    threshold, at_channel, at_sensor = find(r"(0\.35) [^0-9]+([0-9.]+) V[^0-9]+([0-9.]+) V", text)
    assert float(threshold) == SmokeSensorSettings().threshold
    assert float(at_channel) == pytest.approx(float(threshold) * VREF, abs=0.006)
    assert float(at_sensor) == pytest.approx(float(threshold) * VREF / ratio, abs=0.006)


def test_both_guides_agree():
    """The Vietnamese guide has the English one's chapters, tables and figures."""

    def shape(guide):
        lines = guide.read_text(encoding="utf-8").splitlines()
        return [
            (line.split(" ")[0], line.count("|")) for line in lines if line.startswith(("#", "|", "<!--"))
        ]

    assert shape(ENGLISH) == shape(VIETNAMESE)
    for name, columns in (("pins", (0, 1, 3, 4)), ("channels", (0, 1, 3))):
        english, vietnamese = table(ENGLISH, name), table(VIETNAMESE, name)
        assert [[row[c] for c in columns] for row in english] == [
            [row[c] for c in columns] for row in vietnamese
        ]


@both_guides
def test_the_guide_says_what_the_node_is_not(guide):
    """Nobody may take it for a certified fire-transmission device or for a telephone."""
    opening = guide.read_text(encoding="utf-8")[:1500]
    for word in ("105/2025", "EN 54-21", "113", "114", "115"):
        assert word in opening
