"""The command line as people use it: what it prints, and exit codes that mean something."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from uuid import UUID

import av
import numpy as np
import pytest
import skimage
from PIL import Image

from edge.demo.broker import Mosquitto
from sync.clock import SystemClock
from sync.settings import BrokerSettings, Confirm, UplinkSettings
from sync.uplink import Uplink


def tuquan(*words, timeout=60):
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture
def config(bench):
    return bench.folder / "node.toml"


@pytest.fixture
def broker(program, tmp_path):
    with Mosquitto(program, tmp_path) as running:
        yield running


@pytest.fixture
def sent(bench, broker):
    """A function that presses on a bench whose uplink leads to the broker, once somebody listens."""
    uplinks = []

    def send():
        bench.press()
        uplink = Uplink(
            UplinkSettings(confirm=Confirm.BROKER),
            [BrokerSettings(host="127.0.0.1", port=broker.port, tls=False)],
            lambda: bench.outbox,
            SystemClock(),
            client_id="t",
            base_topic=bench.config.site.base_topic,
            birth=dict,
            emit=lambda _: None,
        )
        uplinks.append(uplink)
        uplink.start()

    yield send
    for uplink in uplinks:
        uplink.stop()


def test_no_command_shows_what_there_is():
    """`tuquan --help` names every command and the exit codes."""
    done = tuquan("--help")
    assert done.returncode == 0
    for name in ("run", "check", "watch", "events", "model", "detect", "demo", "doctor"):
        assert f"\n  {name} " in done.stdout


def test_check_says_that_a_right_file_is_right(config):
    """A node file that can be used gives exit code 0 and the node's name."""
    done = tuquan("check", config)
    assert (done.returncode, "phuong-thu/cho" in done.stdout) == (0, True)


def test_check_names_every_problem_at_once(tmp_path):
    """Unknown keys, wrong types, a pin used twice or not there, an open broker: all are told at once."""
    file = tmp_path / "node.toml"
    file.write_text(
        """
        [node]
        commune = "Phường"
        name = "x"
        place = "p"
        latitude = "north"
        longitude = 106.0
        [[panic_button]]
        pin = 17
        hold = 2
        [[smoke_detector]]
        pin = 17
        [[smoke_detector]]
        name = "second"
        pin = 99
        [[broker]]
        host = "mqtt.example"
        tls = false
        """,
        encoding="utf-8",
    )
    done = tuquan("check", file)
    assert done.returncode == 2
    paths = (
        "node.commune",
        "node.latitude",
        "panic_button[0].hold",
        "smoke_detector[1].pin",
        "broker[0].tls",
    )
    for path in paths:
        assert path in done.stderr, done.stderr
    assert "hold_s" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["run"], ["run", "alarm"], ["run", "vision"], ["doctor"]])
def test_a_missing_configuration_is_one_sentence_and_exit_code_2(command, tmp_path):
    """Nothing runs without its configuration, and nobody gets a traceback."""
    done = tuquan(*command, "--config", tmp_path / "none.toml")
    assert done.returncode == 2
    assert "none.toml" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


GET = f"get {UUID(int=7)} --output o"


@pytest.mark.parametrize(
    ("group", "command"), [("run", "vision"), ("run", "alarm"), ("station evidence", GET)]
)
def test_a_configuration_that_is_named_before_the_subcommand_is_the_one(group, command, tmp_path):
    """Not the one in /etc, which may be another node's."""
    done = tuquan(*group.split(), "--config", tmp_path / "named.toml", *command.split())
    assert done.returncode == 2
    assert "named.toml" in done.stdout + done.stderr


def test_a_second_alarm_process_is_refused(config, bench):
    """Two agents on one node are one too many: the second says who holds it and how to stop that."""
    with subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "run", "alarm", "--config", str(config)], stderr=subprocess.PIPE
    ) as first:
        state = bench.folder / "run" / "state.json"
        bench.wake.close()
        for _ in range(200):
            if state.exists() or first.poll() is not None:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                first.wait(0.05)
        second = tuquan("run", "alarm", "--config", config)
        first.send_signal(signal.SIGTERM)
        first.wait(20)
    assert first.returncode == 0
    assert second.returncode == 2
    assert "Another alarm process" in second.stderr


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    ("language", "words"),
    [("vi", "Báo động khẩn cấp - Chợ, cổng Đông"), ("en", "Panic alarm - Chợ, cổng Đông")],
)
def test_watch_shows_an_alert_as_one_line(sent, broker, language, words):
    """A subscriber sees time, headline, node and device, in the language asked for."""
    sent()
    command = ["watch", "--broker", f"127.0.0.1:{broker.port}", "--plain", "--lang", language]
    done = tuquan(*command, "--kind", "panic", "--count", "1", "--seconds", "30")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert words in line
    assert "[phuong-thu/cho: gate]" in line


@pytest.mark.mosquitto
def test_watch_gives_scripts_the_message_as_it_came(sent, broker):
    """With --json each line is the CloudEvents message itself."""
    sent()
    command = ["watch", "--broker", f"127.0.0.1:{broker.port}", "--plain", "--json", "--kind", "panic"]
    done = tuquan(*command, "--count", "1", "--seconds", "30")
    message = json.loads(done.stdout)
    assert (message["specversion"], message["type"]) == ("1.0", "vn.tuquan.alert.panic")


@pytest.mark.mosquitto
def test_watch_keeps_to_what_was_asked_for(sent, broker):
    """Another commune's alerts are not shown."""
    sent()
    command = ["watch", "--broker", f"127.0.0.1:{broker.port}", "--plain", "--commune", "other"]
    done = tuquan(*command, "--seconds", "3")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.mosquitto
def test_watch_leaves_out_what_is_no_alert(broker):
    """Garbage on an alert topic is named on standard error, without its control characters."""
    listener = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "watch", "--broker", f"127.0.0.1:{broker.port}", "--plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listener.stderr is not None
    line = ""
    while "listening" not in line:
        line = listener.stderr.readline()
    from paho.mqtt.publish import single  # noqa: PLC0415 - one stranger's message

    single(
        "tuquan/v1/a/b/alert/panic", b'{"specversion":"\x1b[2J', qos=1, port=broker.port, hostname="127.0.0.1"
    )
    line = listener.stderr.readline()
    assert "was left out" in line
    assert "\x1b" not in line
    listener.terminate()
    out, _ = listener.communicate(timeout=20)
    assert (listener.returncode, out) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--broker", "mqtt.example", "--plain"], "Only a broker on this machine"),
        (["--broker", "mqtt.example:http"], "port has to be a number"),
        (["--broker", "localhost", "--ca-file", "/nonexistent/ca.pem"], "/nonexistent/ca.pem"),
    ],
)
def test_watch_refuses_what_cannot_be_right(options, words):
    """TLS off for a broker elsewhere, or a certificate that is not there: exit code 2 and a sentence."""
    done = tuquan("watch", *options, "--seconds", "5")
    assert done.returncode == 2, done.stderr
    assert words in done.stderr


@pytest.mark.model
def test_detect_draws_a_picture_and_prints_its_line(models, tmp_path):
    """The astronaut is found, the line is JSON, and the drawn picture differs from the original."""
    source = tmp_path / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(source)
    done = tuquan("detect", source, "--directory", models)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert "person" in {hit["label"] for hit in line["detections"]}
    drawn = np.asarray(Image.open(tmp_path / "astronaut.boxes.png"))
    assert drawn.shape == (512, 512, 3)
    assert (drawn != skimage.data.astronaut()).any()


@pytest.mark.model
@pytest.mark.video
def test_detect_draws_a_video_frame_by_frame(models, video, tmp_path):
    """Each look is a line, and the result is a video of as many frames."""
    out = tmp_path / "boxes.mp4"
    done = tuquan("detect", video, "--output", out, "--every", "50", "--directory", models)
    assert [json.loads(line)["frame"] for line in done.stdout.splitlines()] == [0, 50, 100, 150, 200]
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


@pytest.mark.model
@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_detect_says_what_cannot_be_read_and_leaves_no_file(models, tmp_path, content):
    """A file that is no video is one sentence with exit code 2, and nothing is left beside it."""
    source = tmp_path / "street.mp4"
    source.write_bytes(content)
    done = tuquan("detect", source, "--directory", models)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["street.mp4"]


def test_model_info_tells_the_licence_and_the_hash(tmp_path):
    """What is known of each model can be read by people and by scripts."""
    done = tuquan("model", "info", "--json", "--directory", tmp_path)
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"Apache-2.0"} == {entry["licence"] for entry in facts}
    assert {entry["state"] for entry in facts} == {"missing"}
    assert "Get it with" in tuquan("model", "info", "--directory", tmp_path).stdout


@pytest.mark.model
def test_a_model_is_imported_from_a_file_verified_and_refused_when_wrong(models, tmp_path):
    """Without a line a model comes from a file; one that was altered is refused and the good one stays."""
    good = next(models.glob("mobilenet_ssd*.tflite"))
    assert tuquan("model", "fetch", "--from", good, "--directory", tmp_path / "m").returncode == 0
    assert tuquan("model", "verify", "--directory", tmp_path / "m").returncode == 0
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(good.read_bytes()[:-1] + b"x")
    refused = tuquan("model", "fetch", "--from", bad, "--directory", tmp_path / "m")
    assert refused.returncode == 2
    assert tuquan("model", "verify", "--directory", tmp_path / "m").returncode == 0


def test_doctor_names_what_is_wrong_with_its_remedy(config):
    """A node that does not run and whose broker is gone: both are told, and the exit code is 1."""
    done = tuquan("doctor", "--config", config, "--lang", "en")
    assert done.returncode == 1
    assert "The alarm process does not run." in done.stdout
    assert "systemctl start tuquan.target" in done.stdout
    assert "connection refused" in done.stdout
    assert "gate: it opens" in done.stdout


def test_doctor_asks_a_running_node_and_speaks_vietnamese(bench, config):
    """What runs is asked, not disturbed: states and faults come from the node itself."""
    bench.run(20)
    done = tuquan("doctor", "--config", config, "--lang", "vi", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    texts = [entry["text"] for entry in findings]
    assert any(text.startswith("gate: Bình thường") for text in texts) or "Tiến trình" in " ".join(texts)
    assert {entry["level"] for entry in findings} <= {"good", "warning", "bad"}


def test_events_shows_what_waits_and_what_was_delivered(bench, config):
    """A press that waits and one that was delivered are told apart."""
    bench.press()
    (row,) = bench.rows("panic")
    bench.run(3)
    bench.press()
    bench.outbox.remove([row.key])
    done = tuquan("events", "--config", config, "--lang", "en")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "Panic" in line]
    assert [("waiting" in line, "delivered" in line) for line in lines] == [(True, False), (False, True)]


def test_events_counts_what_waits_and_what_left(bench, config):
    """`--stats`: per class, in both languages and as JSON, with what only the running node knows."""
    bench.press()
    (row,) = bench.rows("panic")
    bench.outbox.remove([row.key])
    bench.run(3)
    bench.press()
    bench.run(2)
    shown = tuquan("events", "--stats", "--config", config, "--lang", "vi").stdout
    assert "khẩn cấp, khói" in shown
    assert "tối đa 256 MB" in shown
    facts = json.loads(tuquan("events", "--stats", "--config", config, "--json").stdout)
    panic = facts["classes"]["life_safety"]
    assert (panic["rows"], panic["dropped"], panic["delivered"]) == (1, 0, 1)
    assert panic["oldest"].startswith("20")
    assert facts["max_bytes"] == 256 * 2**20
    assert facts["set_aside"] == []
    assert facts["written_mb_per_day"] is None, "told after ten minutes"


def test_events_without_an_outbox_says_so(config, bench):
    """Where there is no outbox there is a sentence, not an empty list, and none is made."""
    bench.outbox.close()
    for path in bench.config.storage.directory.glob("outbox*"):
        path.unlink()
    done = tuquan("events", "--config", config)
    assert done.returncode == 2
    assert list(bench.config.storage.directory.glob("outbox.db")) == []


def test_doctor_has_a_remedy_for_everything_that_is_wrong(bench, config, tmp_path):
    """A camera that is not there, a model that is missing: each finding says what to do."""
    text = config.read_text(encoding="utf-8") + f'[camera]\nsource = "file:{tmp_path}/none.mp4"\n'
    text += f'[detector]\ndirectory = "{tmp_path}"\n'
    config.write_text(text, encoding="utf-8")
    done = tuquan("doctor", "--config", config, "--lang", "en", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    bad = [entry for entry in findings if entry["level"] == "bad"]
    assert {"Camera", "Model", "Broker", "Node"} <= {entry["area"] for entry in bad}
    assert [entry for entry in bad if not entry["remedy"]] == []


def test_doctor_says_what_becomes_of_pictures(config, tmp_path):
    """Nothing drawn, nobody who could open an original, no way to the station, a lens that nobody watches."""
    text = config.read_text(encoding="utf-8") + f'[camera]\nsource = "file:{tmp_path}/none.mp4"\n'
    config.write_text(f"{text}[camera_view]\nenabled = false\n", encoding="utf-8")

    def doubts():
        done = tuquan("doctor", "--config", config, "--lang", "en", "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return {entry["text"]: entry["remedy"] for entry in found if entry["level"] == "warning"}

    before = doubts()
    for words in ("no [[rule]]", "recipients is empty", "without [intake]", "camera_view.enabled = false"):
        (remedy,) = [before[doubt] for doubt in before if words in doubt]
        assert remedy
    recipient = "age14f3a7lw3rn7tqgnlavsytv9ms427t97g97z6afppsyupat392g4qq59x48"
    config.write_text(
        f'{text}[evidence]\nrecipients = ["{recipient}"]\n[[rule]]\nkind = "crowd"\n', encoding="utf-8"
    )
    after = "\n".join(doubts())
    assert "without [intake]" in after
    assert not [words for words in ("[[rule]]", "recipients", "camera_view") if words in after]


def test_doctor_passes_on_what_a_running_node_complains_of(bench, config):
    """The faults of the node itself are findings with their remedies."""
    bench.run(20)
    done = tuquan("doctor", "--config", config, "--lang", "en", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    (fault,) = [entry for entry in findings if entry["text"].startswith("uplink:")]
    assert "router" in fault["remedy"]


def test_check_warns_of_simulated_pins_and_refuses_alerts_too_long_for_a_broker(config):
    """Pins that are none are worth a warning in service; texts that no packet holds are a problem."""
    done = tuquan("check", config)
    assert done.returncode == 0
    assert "gpio.pin_factory" in done.stdout
    steps = ", ".join(['"' + "x" * 450 + '"'] * 18)
    config.write_text(
        f"{config.read_text(encoding='utf-8')}\n[node.steps]\npanic = [{steps}]\n", encoding="utf-8"
    )
    done = tuquan("check", config)
    assert done.returncode == 2
    assert "bytes" in done.stderr
