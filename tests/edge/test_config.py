"""A node's configuration: what loads, what is refused, what is only doubted, and that loading stays light."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge.checks import SPI_PINS, all_pin_uses, pin_uses
from edge.config import NodeConfig, examine, load
from edge.errors import ConfigError
from edge.events import AlertKind, Language, Status
from edge.messages import compose, details_for, to_message
from edge.settings import settings_of
from edge.tomlfile import toml_value

HEAD = """
[node]
commune = "phuong-ben-thanh"
name = "cho-cong-dong"
place = "Chợ Bến Thành, cổng Đông"
latitude = 10.7725
longitude = 106.698
"""
BROKER = """
[[broker]]
host = "mqtt.example"
"""
BUTTON = """
[[panic_button]]
name = "gate"
"""


@pytest.fixture
def written(tmp_path):
    """Write a configuration and say where it is."""

    def write(text):
        file = tmp_path / "node.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def problems(written):
    """The problems of a text, as path to remedy."""

    def find(text):
        return {problem.path: problem for problem in examine(written(text)).problems}

    return find


def test_a_small_file_is_a_whole_node(written):
    """Who, where, one button and one broker are enough; everything else has a default."""
    config = load(written(HEAD + BUTTON + BROKER))
    assert config.site.base_topic == "tuquan/v1/phuong-ben-thanh/cho-cong-dong"
    assert config.site.source == "/tuquan/phuong-ben-thanh/cho-cong-dong"
    assert config.node.language is Language.VI
    assert config.panic_button[0].pin == 17
    assert config.storage.outbox.path == Path("/var/lib/tuquan/outbox.db")
    assert config.wake_socket == Path("/run/tuquan/wake.sock")
    assert config.state_file.parent == config.storage.runtime_directory


def test_contacts_and_steps_reach_the_alerts_of_their_kind(written):
    """A contact for one kind is in its alerts only; one for all is in every; steps keep their order."""
    config = load(
        written(
            HEAD
            + """
status = "Exercise"
[[node.contacts]]
name = "Trạm y tế"
phone = "115"
kinds = ["smoke"]
[[node.contacts]]
name = "Tổ trưởng"
phone = "+84 900 000 000"
[node.steps]
smoke = ["Gọi 114.", "Ngắt điện."]
"""
            + BUTTON
            + BROKER
        )
    )
    site = config.site
    assert site.status is Status.EXERCISE
    assert [contact.name for contact in site.contacts[AlertKind.SMOKE]] == ["Trạm y tế", "Tổ trưởng"]
    assert [contact.name for contact in site.contacts[AlertKind.PANIC]] == ["Tổ trưởng"]
    alert = compose(
        AlertKind.SMOKE, site, component="smoke-detector", device="a", details=details_for(AlertKind.SMOKE)
    )
    assert alert.instruction == ("Gọi 114.", "Ngắt điện.")


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        (BUTTON + BROKER, "node", "Add a section [node] with commune, name, place, latitude, longitude."),
        (HEAD + BUTTON, "broker", "Add a section [[broker]] with host."),
        ("broker = []\n" + HEAD + BUTTON, "broker", "no broker to send alerts to"),
        (
            HEAD + BUTTON + BUTTON + "pin = 4\n" + BROKER,
            "panic_button[1].name",
            "panic_button[0].name has this name already",
        ),
        (
            HEAD + BUTTON + '[[smoke_detector]]\nname = "Gate"\n' + BROKER,
            "smoke_detector[0].name",
            "panic_button[0].name has this name already",
        ),
        (HEAD + '[[panic_button]]\nname = " "\n' + BROKER, "panic_button[0].name", "This is empty"),
        (
            HEAD + BUTTON + '[[panic_button]]\nname = "b"\n' + BROKER,
            "panic_button[1].pin",
            "GPIO 17 is used by panic_button[0].pin already",
        ),
        (HEAD + BUTTON + "[lamps]\nseen = 17\n" + BROKER, "lamps.seen", "used by panic_button[0].pin"),
        (HEAD + BUTTON + "[lamps]\nrgb = [4, 17, 21]\n" + BROKER, "lamps.rgb[1]", "panic_button[0].pin"),
        (
            HEAD + '[[panic_button]]\nname = "a"\npin = 9\n[[smoke_sensor]]\n' + BROKER,
            "panic_button[0].pin",
            "GPIO 9 is used by MCP3008 MISO already",
        ),
        (
            HEAD + '[[panic_button]]\nname = "a"\npin = 28\n' + BROKER,
            "panic_button[0].pin",
            "between 2 and 27",
        ),
        (
            HEAD + "[[smoke_sensor]]\n[[tamper_loop]]\nchannel = 0\n" + BROKER,
            "tamper_loop[0].channel",
            "Channel 0 is used by smoke_sensor[0].channel already; each serves one. Free ones: 1, 2",
        ),
        (HEAD + BUTTON + BROKER + BROKER, "broker[1].host", "broker[0].host is the same broker"),
        (HEAD + BUTTON + '[[broker]]\nhost = "mqtt.example"\ntls = false', "broker[0].tls", "without TLS"),
        (
            HEAD + BUTTON + BROKER + 'password = "hunter2"',
            "broker[0].password",
            "Did you mean password_file?",
        ),
        (HEAD + BUTTON + BROKER + '[detector]\nmodel = "yolo"', "detector.model", "ssd-mobilenet-v2-coco"),
        (HEAD + BUTTON + BROKER + '[gpio]\nsimulator_socket = "s"', "gpio.simulator_socket", "pin_factory"),
        (HEAD + BUTTON + BROKER + '[gpio]\npin_factory = "pigpio"', "gpio.pin_factory", '"lgpio"'),
        (HEAD + BUTTON + BROKER + "[panic_buton]", "panic_buton", "Did you mean panic_button?"),
        (
            HEAD + BUTTON + BROKER + f'[storage]\nruntime_directory = "/{"x" * 120}"',
            "storage.runtime_directory",
            "too long a path",
        ),
        (
            HEAD.replace("phuong-ben-thanh", "Phường Bến Thành") + BUTTON + BROKER,
            "node.commune",
            "part of a topic",
        ),
        (HEAD.replace("phuong-ben-thanh", "a/+/#") + BUTTON + BROKER, "node.commune", "part of a topic"),
        (HEAD.replace("cho-cong-dong", "x" * 64) + BUTTON + BROKER, "node.name", "part of a topic"),
        (HEAD.replace("10.7725", "106.7") + BUTTON + BROKER, "node.latitude", "between -90 and 90"),
        (HEAD.replace("Chợ Bến Thành, cổng Đông", " ") + BUTTON + BROKER, "node.place", "helps nobody"),
        (
            HEAD + '[[node.contacts]]\nname = ""\nphone = "113"\n' + BUTTON + BROKER,
            "node.contacts[0].name",
            "This is empty",
        ),
        (
            HEAD + '[[node.contacts]]\nname = "a"\nphone = "gọi tôi"\n' + BUTTON + BROKER,
            "node.contacts[0].phone",
            "not a telephone number",
        ),
        (
            HEAD + f"[node.steps]\npanic = {['a'] * 21}\n" + BUTTON + BROKER,
            "node.steps.panic",
            "too many steps",
        ),
        (
            HEAD + '[[node.contacts]]\nname = "a"\nphone = "113"\n' * 21 + BUTTON + BROKER,
            "node.contacts",
            "too many to call",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_its_remedy(problems, text, path, remedy):
    """Each mistake is one error, at its path, with what would be right; and the node does not start."""
    found = problems(text)
    errors = [path for path, problem in found.items() if not problem.warning]
    assert errors == [path]
    assert remedy in found[path].remedy


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        (HEAD + BROKER, "panic_button", "No button, smoke detector or tamper loop"),
        (HEAD + BROKER, "camera.source", "can never raise an alert"),
        (
            HEAD + BUTTON + "covert = true\n[siren]\npin = 16\n" + BROKER,
            "siren.pin",
            "no press will ever sound this siren",
        ),
        (HEAD.replace("10.7725", "48.1") + BUTTON + BROKER, "node.latitude", "outside Vietnam"),
    ],
)
def test_what_is_only_odd_is_a_warning_and_the_node_runs(written, caplog, text, path, remedy):
    """A doubt is reported and logged, and nothing more."""
    file = written(text)
    (doubt,) = [problem for problem in examine(file).problems if problem.path == path]
    assert doubt.warning
    assert remedy in doubt.remedy
    with caplog.at_level(logging.WARNING):
        assert load(file).node.name == "cho-cong-dong"
    assert remedy in caplog.text


def test_every_mistake_of_a_bad_file_is_named_in_one_go(written):
    """Types, bounds, unknown keys, pins and brokers: a volunteer edits once and not nine times."""
    text = """
[node]
commune = "Quận 1"
nam = "x"
place = 3
latitude = "10"
longitude = 106.7
[[panic_button]]
pin = 17
hold_s = -1
[[panic_button]]
name = "b"
pin = 17
[camera]
source = "vhs:tape"
[[broker]]
host = "mqtt.example"
port = 70000
"""
    with pytest.raises(ConfigError) as caught:
        load(written(text))
    assert {problem.path for problem in caught.value.problems} == {
        "node.nam",
        "node.commune",
        "node.name",
        "node.place",
        "node.latitude",
        "panic_button[0].hold_s",
        "panic_button[1].pin",
        "camera.source",
        "broker[0].port",
    }
    assert str(written(text)) in str(caught.value)


def test_one_mistake_is_one_complaint(problems):
    """A pin that was refused is not also reported as used twice because of the default that stands in."""
    found = problems(HEAD + '[[panic_button]]\npin = "17"\n[[panic_button]]\nname = "b"\n' + BROKER)
    assert list(found) == ["panic_button[0].pin"]


def test_a_file_that_is_no_toml_is_a_problem_like_any_other(written, tmp_path):
    """`examine` never raises; `load` raises with the same problems."""
    assert examine(tmp_path / "none.toml").config is None
    (problem,) = examine(written("[node")).problems
    assert "TOML" in problem.remedy
    with pytest.raises(ConfigError):
        load(written("[node"))


def test_the_camera_file_is_relative_to_the_configuration(written, tmp_path):
    """A video beside the configuration is found wherever the node was started."""
    text = HEAD + BUTTON + BROKER + '[camera]\nsource = "file:street.avi"\n'
    assert load(written(text)).camera.source == f"file:{tmp_path}/street.avi"
    text = HEAD + BUTTON + BROKER + '[camera]\nsource = "rtsp://10.0.0.2/stream"\n'
    assert load(written(text)).camera.source == "rtsp://10.0.0.2/stream"


def test_pins_are_found_wherever_they_are(written):
    """Inputs, outputs, lists of pins and the converter's bus are all in the list of pins."""
    config = load(
        written(
            HEAD
            + BUTTON
            + "[[smoke_detector]]\nfault_pin = 22\n[[tamper_loop]]\n[lamps]\nrgb = [12, 20, 21]\n"
            + BROKER
        )
    )
    uses = {use.pin: (use.path, use.direction) for use in all_pin_uses(config)}
    assert uses[17] == ("panic_button[0].pin", "in")
    assert uses[22] == ("smoke_detector[0].fault_pin", "in")
    assert uses[5] == ("lamps.pressed", "out")
    assert uses[20] == ("lamps.rgb[1]", "out")
    assert {pin for pin, (_, direction) in uses.items() if direction == "spi"} == set(SPI_PINS)
    assert not any(use.direction == "spi" for use in pin_uses(config))


def test_nothing_in_the_defaults_is_a_password():
    """There is no default password anywhere, and no setting that takes one in the file itself."""
    seen = []

    def walk(cls):
        for setting in settings_of(cls):
            seen.append(setting)
            if setting.shape.table:
                walk(setting.shape.base)

    walk(NodeConfig)
    secrets = [setting for setting in seen if "pass" in setting.name or "secret" in setting.name]
    assert secrets
    assert all(setting.name.endswith("_file") and setting.default is None for setting in secrets)


def test_loading_a_configuration_imports_nothing_heavy(written):
    """The alarm process pays for no camera, model, network or terminal library by reading its settings."""
    # numpy and click are not in this list: sqlite-utils, which holds the outbox, imports both.
    file = written(HEAD + BUTTON + '[camera]\nsource = "picamera2:0"\n' + BROKER)
    code = (
        "import sys; from pathlib import Path; from edge.config import load; load(Path(sys.argv[1]));"
        "print(*sorted({'av', 'PIL', 'requests', 'pydantic', 'rich', 'picamera2', 'ai_edge_litert',"
        " 'tflite_runtime'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []


names = st.text(min_size=1, max_size=40)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=names, name=names, step=names)
def test_whatever_a_configuration_accepts_an_alert_can_carry(written, place, name, step):
    """No name, place or step that passes the check can make a press fail on its way to the outbox."""
    text = HEAD.replace('"Chợ Bến Thành, cổng Đông"', toml_value(place))
    text += (
        f"[node.steps]\npanic = [{toml_value(step)}]\n[[panic_button]]\nname = {toml_value(name)}\n" + BROKER
    )
    config = examine(written(text)).config
    if config is not None:
        alert = compose(
            AlertKind.PANIC,
            config.site,
            component="panic-button",
            device=config.panic_button[0].name,
            details=details_for(AlertKind.PANIC),
        )
        assert to_message(alert, config.site).text
