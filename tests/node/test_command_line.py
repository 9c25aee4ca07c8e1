"""`tuquan command` against a whole node and a real broker: done, refused, not answered, and audited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from edge.demo.broker import Mosquitto

pytestmark = pytest.mark.mosquitto

NODE = "phuong-thu/cho"


def tuquan(*words, timeout=60):
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture
def broker(program, tmp_path):
    with Mosquitto(program, tmp_path) as running:
        yield running


@pytest.fixture
def whole(make_whole, broker):
    return make_whole(broker.port)


@pytest.fixture
def command(broker):
    def send(name, *more, node=NODE):
        return tuquan("command", node, name, "--broker", f"127.0.0.1:{broker.port}", "--plain", *more)

    return send


def test_a_whole_node_does_what_it_is_told_and_says_so(whole, command):
    """A test through the whole way, a silent siren, pictures that are not kept, an unknown incident."""
    done = command("test", "--lang", "vi", "--by", "Trực ban")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NODE}: Thử báo động: Đã thực hiện.")
    (row,) = whole.rows("alert/panic")
    assert json.loads(row.data)["status"] == "Test"
    assert str(row.id) in done.stdout
    silent = command("silence", "--json")
    assert (silent.returncode, json.loads(silent.stdout)["reason"]) == (0, "silent")
    refused = command("evidence-request", "--lang", "en")
    assert refused.returncode == 1
    assert "Refused (The node keeps no pictures)" in refused.stdout
    unknown = command("false-alarm", "--args", "incident=01890a5d-ac96-774b-bcce-b302099a8057", "--json")
    assert (unknown.returncode, json.loads(unknown.stdout)["reason"]) == (1, "not-found")
    audit = tuquan("events", "--commands", "--config", whole.config, "--lang", "vi")
    lines = audit.stdout.splitlines()
    assert (audit.returncode, len(lines)) == (0, 4)
    assert "Thử báo động: Đã thực hiện  [Trực ban]" in lines[-1]
    as_json = tuquan("events", "--commands", "--config", whole.config, "--json", "--limit", "1")
    assert json.loads(as_json.stdout)["name"] == "false-alarm"


def test_a_reload_restarts_both_processes_and_a_wrong_file_neither(whole, command, wait):
    """In the foreground too: new processes with the new configuration; with a wrong one the old go on."""
    first, before = whole.snapshot(), whole.children()
    right = whole.config.read_text(encoding="utf-8")
    whole.config.write_text(right + "\n[[panic_button]]\npin = 99\n", encoding="utf-8")

    wait(lambda: time.monotonic_ns() - first.at_ns > 11e9, what="a node that has settled")
    refused = command("reload", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["reason"]) == (1, "configuration")
    assert "panic_button" in refused.stdout
    assert whole.children() == before
    added = '\n[[panic_button]]\nname = "new button"\npin = 24\n'
    whole.config.write_text(right + added, encoding="utf-8")
    done = command("reload")
    assert done.returncode == 0, done.stdout
    second = whole.until_connected(other_than=first.pid)
    assert "new button" in {device.device for device in second.devices}

    def both_are_new():
        now = whole.children()
        return set(now) == set(before) and set(now.values()).isdisjoint(before.values())

    wait(both_are_new, what="a new vision process")
    assert whole.process.poll() is None


def test_a_node_that_is_away_is_no_answer(command, broker):
    """Exit code 3 and a reason, at once where the broker knows that nobody listens."""
    done = command("silence", "--lang", "vi")
    assert done.returncode == 3
    assert done.stderr.startswith("Không có trả lời: Nobody listens")
    broker.stop()
    gone = command("silence", "--timeout", "1")
    assert gone.returncode == 3
    assert "Traceback" not in gone.stderr


def test_a_command_to_a_node_that_is_away_does_not_wait_for_it(make_whole, broker, command):
    """What was sent while the node was off is not done when it comes: neither kept nor obeyed."""
    assert command("test", "--timeout", "1").returncode == 3
    running = make_whole(broker.port)
    assert command("silence").returncode == 0
    assert running.rows("alert/panic") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cho", "silence"), "COMMUNE/NAME"),
        (("a/b", "silence", "--args", "lamps=true"), "takes no lamps"),
        (("a/b", "test", "--args", "lamps"), "KEY=VALUE"),
        (("a/b", "test", "--args", "lamps=1"), "true or false"),
        (("a/b", "test", "--by", "x" * 101), "100"),
    ],
)
def test_what_the_node_would_refuse_is_not_sent(words, said):
    """A wrong call is a sentence and exit code 2."""
    done = tuquan("command", *words, "--plain")
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert os.linesep + "Traceback" not in done.stderr
