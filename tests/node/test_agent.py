"""The alarm agent: disk first, lamp after, and nothing that claims more than was proved."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import threading
from contextlib import closing

import pytest

from edge.events import AlertKind
from edge.snapshot import VisionReport, read_snapshot
from sensors.lamps import LampState
from sensors.simulator import Level
from sync.message import MessageClass
from sync.reports import Arrival, Delivery, LinkState, Proof
from sync.wake import send_wake
from sync.wire import encode

FAULTS = ("fault", "stuck")


def delivered(bench, row, proof=Proof.BROKER):
    bench.inbox.put(Delivery(id=row.id, key=row.key, cls=row.cls, proof=proof, at_ns=bench.now_ns))
    bench.run(0.1)


def receipt(bench, row, state):
    payload = json.dumps({"id": str(row.id), "state": state, "by": "trực ban", "at": "2026-01-01T00:00:00Z"})
    bench.inbox.put(Arrival(topic="x/receipt", payload=payload.encode(), properties={}))
    bench.run(0.1)


def data(row):
    return json.loads(row.data)


def test_a_press_is_a_row_on_the_disk_and_then_a_lamp(bench):
    """After a press another connection sees the row in the file, and the lamp shows pressed and no more."""
    bench.press()
    with closing(sqlite3.connect(bench.config.storage.outbox.path)) as outside:
        assert outside.execute("SELECT count(*) FROM message WHERE topic LIKE '%alert/panic'").fetchone() == (
            1,
        )
    assert bench.lamps.state is LampState.PRESSED
    assert bench.lamps.lit == ("pressed",)
    assert bench.siren.sounding
    (row,) = bench.rows("panic")
    assert row.cls is MessageClass.LIFE_SAFETY
    assert data(row)["device"] == "gate"


def test_a_press_is_dated_when_it_was_made_and_not_when_the_node_came_to_it(bench):
    """The loop stands still for three seconds, as before a disk that hangs: the row tells when it was."""
    before_us = bench.clock.wall_us()
    bench.factory.drive(17, Level.LOW)
    bench.now_ns += 3_000_000_000
    bench.run(0.05)
    (row,) = bench.rows("panic")
    assert -3_100_000 < row.wall_us - before_us < -2_000_000
    assert row.age_ms(bench.clock) >= 3000


def test_the_lamp_lights_only_after_the_commit(bench, monkeypatch):
    """At the moment at which the lamp first lights, the row is already in the file."""
    seen = []
    show = bench.lamps.show

    def spy(state):
        if state is LampState.PRESSED:
            with closing(sqlite3.connect(bench.config.storage.outbox.path)) as outside:
                seen.append(outside.execute("SELECT count(*) FROM message").fetchone()[0])
        show(state)

    monkeypatch.setattr(bench.lamps, "show", spy)
    before = len(bench.rows())
    bench.press()
    assert seen
    assert seen[0] > before


def test_proofs_take_the_lamp_from_sent_to_received_to_seen(bench):
    """A PUBACK shows sent, the station's receipt received, the officer's look seen; each no earlier."""
    bench.press()
    (row,) = bench.rows("panic")
    shown = []
    for prove in (
        lambda: delivered(bench, row),
        lambda: receipt(bench, row, "received"),
        lambda: receipt(bench, row, "seen"),
    ):
        prove()
        shown.append(bench.lamps.state)
    assert shown == [LampState.SENT, LampState.RECEIVED, LampState.SEEN]


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b'{"id": "x", "state": "seen"}', b"[" * 100_000, b"\xff", b'{"state": "seen"}']
)
def test_a_false_receipt_lights_nothing(bench, payload):
    """What is not a receipt for this very press leaves the lamp at pressed, and the loop alive."""
    bench.press()
    bench.inbox.put(Arrival(topic="x/receipt", payload=payload, properties={}))
    bench.run(0.2)
    assert bench.lamps.state is LampState.PRESSED


def test_a_receipt_for_another_message_lights_nothing(bench):
    """A well-formed receipt with an id that is not ours changes nothing."""
    bench.press()
    bench.inbox.put(
        Arrival(
            topic="x/receipt",
            payload=b'{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "state": "seen"}',
            properties={},
        )
    )
    bench.run(0.2)
    assert bench.lamps.state is LampState.PRESSED


def test_a_covert_press_is_stored_and_shows_nothing(bench):
    """The covert button's alert says so; no lamp, no siren."""
    bench.press(pin=23)
    (row,) = bench.rows("panic")
    assert data(row)["details"] == {"covert": True}
    assert bench.lamps.lit == ()
    assert not bench.siren.sounding
    delivered(bench, row)
    assert bench.lamps.lit == ()


def test_smoke_is_raised_once_and_ended_by_an_update_of_the_same_incident(bench):
    """The relay's alarm is one alert; its end, after a quiet while, an Update that is no longer active."""
    bench.run(3)
    bench.factory.drive(27, Level.LOW)
    bench.run(2)
    bench.factory.drive(27, Level.FLOAT)
    bench.run(15)
    raised, ended = (data(row) for row in bench.rows("smoke"))
    assert (raised["msgType"], raised["active"]) == ("Alert", True)
    assert (ended["msgType"], ended["active"]) == ("Update", False)
    assert raised["incident"] == ended["incident"]


def test_warming_up_and_its_end_are_published_as_events(bench):
    """A detector that warms up says so in an event, and says when it is ready."""
    bench.run(4)
    states = [data(row)["state"] for row in bench.rows() if row.topic.endswith("event/sensor-state")]
    assert states == ["warming-up", "normal"]


@pytest.mark.parametrize(("level", "kind"), [(0.67, "tamper"), (1.0, "line-fault"), (0.0, "line-fault")])
def test_the_tamper_loop_tells_opening_cutting_and_bridging_apart(bench, level, kind):
    """An opened contact is tampering; a cut or bridged line is a line fault with its code."""
    bench.run(1)
    bench.factory.adc.set(1, level)
    bench.run(1)
    assert [row.topic.rpartition("/")[2] for row in bench.rows() if "/alert/" in row.topic] == [kind]


def test_a_stuck_button_is_one_press_and_one_fault_that_ends(bench):
    """A button held for a minute is one panic alert and one device fault; the release ends the fault."""
    bench.press(seconds=60)
    assert len(bench.rows("panic")) == 1
    assert bench.lamps.lit == ("pressed", "fault")
    bench.run(10)
    codes = [(data(row)["details"]["code"], data(row)["active"]) for row in bench.rows("device-fault")]
    assert codes == [("stuck", True), ("stuck", False)]


def test_a_restart_takes_up_presses_and_open_incidents(make_bench):
    """After a kill the lamp shows the press on its way; smoke that went on is told again, as one incident."""
    first = make_bench()
    first.run(3)
    first.press()
    first.factory.drive(27, Level.LOW)
    first.run(2)
    (incident,) = {data(row)["incident"] for row in first.rows("smoke")}
    first.close()
    second = make_bench(first.folder)
    assert second.lamps.state is LampState.PRESSED
    second.factory.drive(27, Level.LOW)
    second.run(3)
    assert second.siren.sounding
    second.factory.drive(27, Level.FLOAT)
    second.run(15)
    told = [
        (data(row)["incident"], data(row)["msgType"], data(row)["active"]) for row in second.rows("smoke")
    ]
    assert told == [(incident, "Alert", True), (incident, "Update", True), (incident, "Update", False)]


def test_a_press_without_proof_for_a_minute_is_a_fault(bench):
    """Silence after a press lights the fault lamp; the press stays on the lamp and in the outbox."""
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
    bench.press()
    bench.run(50)
    assert bench.lamps.lit == ("pressed",)
    bench.run(12)
    assert bench.lamps.lit == ("pressed", "fault")
    assert "unproved" in {fault.code for fault in bench.agent.status().faults}


def test_a_press_that_was_sent_and_never_confirmed_is_a_fault_of_its_own_words(bench):
    """A PUBACK is no receipt: after a minute the fault lamp lights and the status says what is missing."""
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
    bench.press()
    (row,) = bench.rows("panic")
    delivered(bench, row)
    bench.run(50)
    assert bench.lamps.lit == ("pressed", "sent")
    bench.run(12)
    assert bench.lamps.lit == ("pressed", "sent", "fault")
    (fault,) = bench.agent.status().faults
    assert fault.code == "unproved"
    assert "was sent, but the station has not confirmed" in fault.text
    receipt(bench, row, "received")
    bench.run(2)
    assert bench.lamps.lit == ("pressed", "sent", "received")


def test_a_line_that_is_down_is_a_fault_only_after_a_while_and_says_why(bench):
    """Fifteen seconds without a broker light the fault lamp with the broker's own reason."""
    bench.inbox.put(LinkState(connected=False, broker="b:1", reason="connection refused", since_ns=0))
    bench.run(10)
    assert bench.agent.status().faults == ()
    bench.run(10)
    (fault,) = bench.agent.status().faults
    assert fault.code == "down"
    assert "connection refused" in fault.text
    assert bench.lamps.lit == ("fault",)


def test_a_disk_that_refuses_lights_no_pressed_and_loses_nothing(bench, monkeypatch):
    """With the disk refusing, a press is held, only the fault lamp lights, and sent shows when proved."""

    def refuse(*_args, **_more):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(bench.outbox._store, "writing", refuse)
        bench.press()
        bench.run(2)
        (row,) = bench.rows("panic")
        assert row.held
        assert bench.lamps.lit == ("fault",)
        assert "unwritable" in {fault.code for fault in bench.agent.status().faults}
        delivered(bench, row)
        assert "sent" in bench.lamps.lit


def test_a_held_press_lights_pressed_once_the_disk_takes_it(bench, monkeypatch):
    """When room returns, the press moves to the disk by itself, the lamp shows it and the fault ends."""

    def refuse(*_args, **_more):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(bench.outbox._store, "writing", refuse)
        bench.press()
        bench.run(2)
        assert "pressed" not in bench.lamps.lit
    bench.run(10)
    assert bench.lamps.lit == ("pressed",)
    assert [row.held for row in bench.rows("panic")] == [False]
    codes = [(data(row)["details"]["code"], data(row)["active"]) for row in bench.rows("device-fault")]
    assert codes == [("unwritable", True), ("unwritable", False)]


def test_a_mistake_in_one_step_does_not_end_the_loop(bench, monkeypatch):
    """A bug that raises in the loop costs one step, not the node."""
    monkeypatch.setattr(bench.agent, "_drain_wake", lambda _now: 1 / 0)

    class Stop:
        turns = 0

        def is_set(self):
            self.turns += 1
            return self.turns > 3

    bench.agent.run(Stop())
    monkeypatch.undo()
    bench.press()
    assert len(bench.rows("panic")) == 1


def test_the_snapshot_shows_devices_lamps_outbox_and_vision(bench):
    """What people on the node see is what is so, vision's own word included."""
    report = VisionReport(camera="normal", model="m", frames_per_second=4.9)
    send_wake(bench.config.wake_socket, {"vision": encode(report)})
    bench.press()
    bench.run(2)
    now = read_snapshot(bench.config.storage.runtime_directory)
    assert now is not None
    assert {entry.device: entry.state.value for entry in now.devices}["gate"] == "normal"
    assert (now.lamp, now.lit, now.outbox.life_safety, now.pid) == ("pressed", ("pressed",), 1, os.getpid())
    assert now.vision == report


def test_nonsense_from_the_vision_process_changes_nothing(bench):
    """A wake-up with a report that is none is left out."""
    send_wake(bench.config.wake_socket, {"vision": {"camera": 7}})
    bench.run(2)
    now = read_snapshot(bench.config.storage.runtime_directory)
    assert now is not None
    assert now.vision is None


def test_a_thousand_chatters_of_a_relay_leave_the_press_prompt(bench):
    """While a smoke relay chatters a thousand times, a press is stored within two steps of the loop."""
    bench.run(3)
    for _ in range(1000):
        bench.factory.drive(27, Level.LOW)
        bench.factory.drive(27, Level.FLOAT)
    bench.factory.drive(17, Level.LOW)
    bench.run(0.1)
    assert len(bench.rows("panic")) == 1
    assert len(bench.rows("smoke")) <= 1
    assert {kind for kind in AlertKind if bench.rows(kind)} <= {AlertKind.PANIC, AlertKind.SMOKE}


def test_a_detector_that_burns_through_does_not_say_that_the_fire_is_over(bench):
    """Its alarm contact opens and its fault contact acts: the smoke stays active, the fault is told too."""
    bench.run(3)
    bench.factory.drive(27, Level.LOW)
    bench.run(2)
    bench.factory.drive(27, Level.FLOAT)
    bench.factory.drive(22, Level.FLOAT)
    bench.run(30)
    assert [data(row)["active"] for row in bench.rows("smoke")] == [True]
    assert [data(row)["details"]["code"] for row in bench.rows("device-fault")] == ["fault"]


def test_a_fire_goes_on_for_a_node_that_cannot_open_its_detector(make_bench):
    """After a restart without the detector's pin nobody is told that the smoke has cleared."""
    first = make_bench()
    first.run(3)
    first.factory.drive(27, Level.LOW)
    first.run(2)
    first.close()
    second = make_bench(first.folder, without="stall")
    second.run(20)
    assert [data(row)["active"] for row in second.rows("smoke")] == [True]


def test_nothing_betrays_a_covert_button(bench):
    """Neither the broker's complaint about its alert, nor silence, nor a stuck button lights any lamp."""
    complaint = "nobody is listening to tuquan/v1/phuong-thu/cho/alert/panic"
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
    bench.press(pin=23, seconds=40)
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason=complaint, since_ns=0))
    bench.run(120)
    assert bench.lamps.lit == ()
    codes = {fault.code for fault in bench.agent.status().faults}
    assert "refused" in codes


class Backup:
    """A second path with a problem."""

    problem = "The second path to localhost does not work: it answers 401."
    woken = 0

    def wake(self):
        self.woken += 1


def test_a_second_path_that_does_not_work_is_a_fault_before_it_is_needed(bench):
    """It lights the fault lamp on a quiet day, and is woken by presses alone."""
    backup = bench.agent.backup = Backup()
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
    bench.run(3)
    assert bench.lamps.lit == ("fault",)
    (fault,) = bench.agent.status().faults
    assert (fault.device, fault.code, fault.text) == ("intake", "second-path", backup.problem)
    assert backup.woken == 0
    bench.press()
    assert backup.woken == 1


def test_a_second_path_that_fails_does_not_betray_a_covert_button(bench):
    """While a covert press is on its way, its trouble is told and not shown."""
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
    bench.press(pin=23)
    bench.agent.backup = Backup()
    bench.run(10)
    assert bench.lamps.lit == ()
    assert "second-path" in {fault.code for fault in bench.agent.status().faults}


def test_a_line_that_breaks_again_and_again_is_a_fault(bench):
    """Each outage is short, yet five in five minutes are told as an unstable connection."""
    for _ in range(5):
        bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
        bench.run(10)
        bench.inbox.put(LinkState(connected=False, broker="b:1", reason="taken over", since_ns=0))
        bench.run(2)
    bench.inbox.put(LinkState(connected=True, broker="b:1", reason="", since_ns=0))
    bench.run(2)
    assert [fault.code for fault in bench.agent.status().faults] == ["unstable"]
    bench.run(300)
    assert bench.agent.status().faults == ()


def test_a_press_while_the_node_takes_its_leave_is_stored(bench, monkeypatch):
    """Between the stop signal and the end a press still becomes a row."""
    press = threading.Timer(0.0, bench.factory.drive, (17, Level.LOW))
    stop = bench.agent.uplink.stop

    def slowly():
        press.start()
        press.join()
        stop()

    monkeypatch.setattr(bench.agent.uplink, "stop", slowly)
    bench.agent.leave(lambda: [sensor.close() for sensor in bench.sensors.values()])
    monkeypatch.undo()
    assert len(bench.rows("panic")) == 1


def test_a_flood_of_nonsense_on_the_wake_socket_does_not_stop_the_loop(bench):
    """Deeply nested datagrams are left out, and a press is still stored."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for _ in range(50):
            with contextlib.suppress(BlockingIOError):
                stranger.sendto(b"[" * 4000, socket.MSG_DONTWAIT, str(bench.config.wake_socket))
    bench.press()
    assert len(bench.rows("panic")) == 1


def test_the_status_stays_small_however_much_is_wrong(bench):
    """Ten faults with short texts at most: a status that the broker refuses tells nobody anything."""
    for number in range(200):
        bench.agent._raise("part", f"part {number}", "fault", "x" * 5000, bench.now_ns)
    bench.run(2)
    assert len(json.dumps(bench.agent.status().to_data())) < 4000


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a real small file system; skipped loudly where we may not mount."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: mounting a small disk needs root")
    place = tmp_path / "d"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_is_told_and_a_press_still_goes(make_bench, small_disk):
    """A real full disk: the node says so before anything happens, and the press is held for sending."""
    bench = make_bench(small_disk)
    bench.run(2)
    with contextlib.suppress(OSError), (small_disk / "data" / "ballast").open("wb") as ballast:
        while True:
            ballast.write(bytes(65536))
            ballast.flush()
    bench.run(3)
    assert "unwritable" in {fault.code for fault in bench.agent.status().faults}
    bench.press()
    bench.run(1)
    assert len(bench.rows("panic")) == 1
    (small_disk / "data" / "ballast").unlink()
    bench.run(15)
    assert [row.held for row in bench.rows("panic")] == [False]
    assert "unwritable" not in {fault.code: fault.text for fault in bench.agent.status().faults}


def test_a_disk_that_is_read_only_from_the_start_is_told_and_a_press_still_goes(make_bench, small_disk):
    """A real read-only disk: the node starts, says so, and holds the press for sending with a dark lamp."""
    for name in ("data", "run"):
        (small_disk / name).mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    bench = make_bench(small_disk, config_in=small_disk.parent)
    bench.press()
    bench.run(3)
    (row,) = bench.rows("panic")
    assert row.held
    assert bench.lamps.lit == ("fault",)
    assert "unwritable" in {fault.code for fault in bench.agent.status().faults}
