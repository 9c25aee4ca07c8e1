"""Commands at the node: done once, in their turn, answered and audited; and nothing that weakens an alarm."""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing

import pytest

from edge.audit import AUDIT_FILE, MAX_ROWS, Audit, Entry, Told, entries
from edge.commands import PER_MINUTE
from edge.events import SEEN, PictureBox, SightingDetails
from edge.messages import compose, to_message
from edge.reloading import ReloadWatch
from edge.withdrawn import take_withdrawn
from sensors.lamps import LampState
from sensors.simulator import Level
from sync.clock import ClockQuality, ManualClock
from sync.cloudevent import utc_text
from sync.command import Answer, Outcome, Reason
from sync.message import MessageClass
from sync.reports import Arrival
from sync.wake import send_wake
from sync.wire import encode

REPLY = "tuquan/v1/phuong-thu/cho/answer/x"


class Desk:
    """Whoever sends commands to a bench, and reads what it answers."""

    def __init__(self, bench, monkeypatch, settle_s=12):
        self.bench = bench
        self.said: list[tuple[str, bytes, bytes]] = []
        self.clock = ManualClock(boot_id=bench.clock.boot_id, monotonic_us=bench.clock.monotonic_us())
        # The parts are frozen; the clock in them is turned by hand here.
        object.__setattr__(bench.agent._parts, "clock", self.clock)
        monkeypatch.setattr(bench.agent.uplink, "say", lambda *words: self.said.append(words))
        bench.run(settle_s)  # a node that has just started takes no reload

    def payload(self, args=None, *, command_id=None, lives_s=120, sent_s=0, **changes):
        now_us = self.clock.wall_us() + sent_s * 1_000_000
        document = {
            "id": str(command_id or uuid.uuid4()),
            "at": utc_text(now_us),
            "expires": utc_text(now_us + lives_s * 1_000_000),
            "by": "trực ban",
            "args": args or {},
        }
        return json.dumps(document | changes).encode()

    def lay(self, name, payload, *, retained=False, **properties):
        """Hand a command over as the uplink's thread does."""
        properties = {"ResponseTopic": REPLY, "CorrelationData": "00ff"} | properties
        self.bench.agent.hear(
            Arrival(
                topic=f"tuquan/v1/phuong-thu/cho/command/{name}",
                payload=payload,
                properties={key: value for key, value in properties.items() if value is not None},
                retained=retained,
            )
        )

    def send(self, name, args=None, *, retained=False, properties=None, **more):
        """Send a command and return its answer."""
        before = len(self.said)
        self.lay(name, self.payload(args, **more), retained=retained, **(properties or {}))
        self.bench.run(0.1)
        assert len(self.said) == before + 1
        return self.answer()

    def answer(self):
        return Answer.from_payload(self.said[-1][1])

    def verdict(self, *words, **more):
        answer = self.send(*words, **more)
        return answer.result, answer.reason

    def events(self):
        rows = [row for row in self.bench.rows() if row.topic.endswith("/event/command")]
        return [json.loads(row.data) for row in rows]


@pytest.fixture
def desk(bench, monkeypatch):
    return Desk(bench, monkeypatch)


@pytest.fixture
def make_desk(monkeypatch):
    return lambda bench, **more: Desk(bench, monkeypatch, **more)


DONE = (Outcome.DONE, "")


def data(row):
    return json.loads(row.data)


def test_a_test_goes_the_whole_way_and_nobody_runs(desk, bench):
    """A test is a life-safety row of status Test, its headline says so first, and the lamp follows it."""
    assert desk.verdict("test") == DONE
    (row,) = bench.rows("panic")
    alert = data(row)
    assert row.cls is MessageClass.LIFE_SAFETY
    assert (alert["status"], alert["msgType"]) == ("Test", "Alert")
    assert alert["headline"]["vi"].startswith("THỬ NGHIỆM: ")
    assert (alert.get("instruction", []), alert.get("contacts", [])) == ([], [])
    assert bench.lamps.state is LampState.PRESSED
    assert not bench.siren.sounding
    assert str(row.id) in desk.answer().text


def test_a_test_of_smoke_is_over_at_once(desk, bench):
    """Its end follows it, so that nothing stays open on anybody's screen."""
    assert desk.verdict("test", {"kind": "smoke"}) == DONE
    assert [(data(row)["status"], data(row)["active"]) for row in bench.rows("smoke")] == [
        ("Test", True),
        ("Test", False),
    ]


def test_a_test_can_light_every_lamp_and_chirp(desk, bench):
    """With lamps and siren asked for, both act for a moment and then show what is."""
    assert desk.verdict("test", {"lamps": True, "siren": True}) == DONE
    assert set(bench.lamps.lit) >= {"pressed", "sent", "received", "seen", "fault"}
    assert bench.siren.sounding
    bench.run(1)
    assert not bench.siren.sounding
    bench.run(3)
    assert "seen" not in bench.lamps.lit


def test_a_press_during_a_chirp_is_sounded_in_full(desk, bench):
    """The end of the chirp does not silence an alarm that began meanwhile."""
    desk.send("test", {"siren": True})
    bench.press()
    bench.run(5)
    assert bench.siren.sounding


@pytest.mark.parametrize("kind", ["intrusion", "device-fault", "fire", "\u0007"])
def test_a_test_of_anything_else_is_refused(desk, bench, kind):
    """Only what a person or a detector raises by itself can be tried."""
    assert desk.verdict("test", {"kind": kind}) == (Outcome.REFUSED, Reason.NOT_UNDERSTOOD)
    assert bench.rows("panic") == []


def test_tests_are_limited(desk, bench):
    """The second test within half a minute is refused, one after it is done."""
    assert desk.verdict("test") == DONE
    assert desk.verdict("test") == (Outcome.REFUSED, Reason.TOO_SOON)
    bench.run(31)
    assert desk.verdict("test") == DONE
    assert len(bench.rows("panic")) == 2


def test_silence_stops_the_siren_and_the_next_press_sounds_it(desk, bench):
    """Silenced at once; silent already says so; a new press is sounded anew."""
    bench.press()
    assert bench.siren.sounding
    assert desk.verdict("silence") == DONE
    assert not bench.siren.sounding
    assert desk.verdict("silence") == (Outcome.ALREADY, Reason.SILENT)
    bench.run(5)
    bench.press()
    assert bench.siren.sounding


def test_a_press_that_was_none_is_cancelled_under_its_own_incident(desk, bench):
    """The Cancel follows the alert as life-safety; siren silent, lamp seen; the alert is still sent."""
    bench.press()
    (raised,) = bench.rows("panic")
    incident = data(raised)["incident"]
    assert desk.verdict("false-alarm", {"incident": incident}) == DONE
    first, cancel = bench.rows("panic")
    assert first.id == raised.id
    assert (data(cancel)["msgType"], data(cancel)["incident"]) == ("Cancel", incident)
    assert data(cancel)["headline"]["vi"].startswith("Hủy báo động")
    assert cancel.cls is MessageClass.LIFE_SAFETY
    assert not bench.siren.sounding
    bench.run(1)
    assert bench.lamps.state is LampState.SEEN
    assert desk.verdict("false-alarm", {"incident": incident}) == (Outcome.ALREADY, Reason.CANCELLED)
    assert len(bench.rows("panic")) == 2


def test_a_cancel_leaves_the_siren_to_another_press(desk, bench):
    """Two presses, one of them withdrawn: the siren goes on for the other."""
    bench.press()
    bench.run(5)
    bench.press()
    first, second = (data(row)["incident"] for row in bench.rows("panic"))
    assert desk.verdict("false-alarm", {"incident": first}) == DONE
    assert bench.siren.sounding
    assert desk.verdict("false-alarm", {"incident": second}) == DONE
    assert not bench.siren.sounding


def test_smoke_that_burns_is_not_cancelled_and_can_be_once_it_is_over(desk, bench):
    """While the detector reports smoke only the siren obeys; after its end the alarm can be called false."""
    bench.factory.drive(27, Level.LOW)
    bench.run(2)
    (row,) = bench.rows("smoke")
    args = {"incident": data(row)["incident"]}
    assert desk.verdict("false-alarm", args) == (Outcome.REFUSED, Reason.STILL_ACTIVE)
    assert bench.siren.sounding
    assert desk.verdict("silence") == DONE
    assert [data(row)["msgType"] for row in bench.rows("smoke")] == ["Alert"]
    bench.factory.drive(27, Level.FLOAT)
    bench.run(15)
    assert desk.verdict("false-alarm", args) == DONE
    assert [data(row)["msgType"] for row in bench.rows("smoke")] == ["Alert", "Update", "Cancel"]


def test_an_open_cabinet_is_cancelled_and_told_again_when_it_opens_again(desk, bench):
    """Tampering that was a repair is withdrawn and not ended too; the next opening is a new incident."""
    bench.factory.adc.set(1, 0.67)
    bench.run(1)
    incident = data(bench.rows("tamper")[0])["incident"]
    assert desk.verdict("false-alarm", {"incident": incident}) == DONE
    bench.factory.adc.set(1, 0.5)
    bench.run(15)
    assert [data(row)["msgType"] for row in bench.rows("tamper")] == ["Alert", "Cancel"]
    bench.factory.adc.set(1, 0.67)
    bench.run(1)
    assert data(bench.rows("tamper")[-1])["incident"] != incident


def test_a_covert_press_is_cancelled_without_a_sign(desk, bench):
    """No lamp and no siren at the counter, before or after."""
    bench.press(pin=23)
    incident = data(bench.rows("panic")[0])["incident"]
    assert desk.verdict("false-alarm", {"incident": incident}) == DONE
    assert bench.lamps.lit == ()
    assert data(bench.rows("panic")[1])["details"] == {"covert": True}


def test_an_incident_of_a_former_run_can_be_withdrawn(make_bench, make_desk):
    """After a restart the node still knows what it told, and what it withdrew."""
    first = make_bench()
    first.run(3)
    for _ in range(2):
        first.press()
        first.run(5)
    one, two = (data(row)["incident"] for row in first.rows("panic"))
    assert make_desk(first).verdict("false-alarm", {"incident": one}) == DONE
    first.close()
    again = make_desk(make_bench(first.folder))
    assert again.verdict("false-alarm", {"incident": one}) == (Outcome.ALREADY, Reason.CANCELLED)
    assert again.verdict("false-alarm", {"incident": two}) == DONE


@pytest.mark.parametrize("kind", sorted(SEEN))
def test_what_the_vision_process_told_can_be_withdrawn(desk, bench, kind):
    """What another process raised is known here: same incident, same sighting; and that process is told."""
    box = PictureBox(top=0.1, left=0.2, bottom=0.6, right=0.3)
    alert = compose(
        kind,
        bench.config.site,
        component="camera",
        device="gate-camera",
        details=SightingDetails(label="person", score=0.9, box=box, count=2),
    )
    raised = to_message(alert, bench.config.site)
    send_wake(bench.config.wake_socket, {"told": encode(Told.of_sighting(raised))})
    send_wake(bench.config.wake_socket, {"told": {"kind": "panic"}})
    bench.run(0.1)
    assert desk.verdict("false-alarm", {"incident": str(alert.incident)}) == DONE
    (cancel,) = bench.rows(kind)
    assert (data(cancel)["msgType"], data(cancel)["incident"]) == ("Cancel", str(alert.incident))
    assert data(cancel)["details"] == raised.data["details"]
    assert cancel.cls is MessageClass.SECURITY
    assert take_withdrawn(bench.config.storage.runtime_directory) == [alert.incident]


@pytest.mark.parametrize(
    ("args", "reason"), [({}, Reason.NOT_UNDERSTOOD), ({"incident": str(uuid.uuid4())}, Reason.NOT_FOUND)]
)
def test_a_false_alarm_of_nothing_is_refused(desk, args, reason):
    """Without an incident, or with one that this node did not raise, no Cancel is sent."""
    assert desk.verdict("false-alarm", args) == (Outcome.REFUSED, reason)


def test_no_pictures_are_promised(desk):
    """A node that keeps none says so."""
    assert desk.verdict("evidence-request") == (Outcome.REFUSED, Reason.NOTHING_KEPT)


# Reload


def test_a_reload_ends_the_process_for_a_new_start(desk, bench):
    """With a file that is right the agent comes to an end, after it has answered."""
    assert desk.verdict("reload") == DONE
    assert bench.agent.commands.reloading


def test_a_reload_with_a_wrong_file_names_its_problems_and_changes_nothing(desk, bench):
    """All problems are in the answer, cut to a size that travels, and the node goes on."""
    wrong = "\n".join(f"[[panic_button]]\npin = {pin}\nhold = 1" for pin in range(90, 130))
    bench.config_file.write_text(
        f"{bench.config_file.read_text(encoding='utf-8')}\n{wrong}", encoding="utf-8"
    )
    answer = desk.send("reload")
    assert (answer.result, answer.reason) == (Outcome.REFUSED, Reason.CONFIGURATION)
    assert "panic_button[2].hold" in answer.text
    assert len(desk.said[-1][1]) < 4096
    assert not bench.agent.commands.reloading


def test_a_reload_with_a_file_that_is_gone_is_refused(desk, bench):
    """Nothing to read is no reason to end."""
    bench.config_file.unlink()
    assert desk.verdict("reload") == (Outcome.REFUSED, Reason.CONFIGURATION)


def test_a_reload_waits_for_alarms(desk, bench):
    """Refused while an alert is on its way or smoke is there, granted for one that has waited a minute."""
    bench.press()
    assert desk.verdict("reload") == (Outcome.REFUSED, Reason.BUSY)
    (row,) = bench.rows("panic")
    bench.outbox.remove([row.key])
    bench.factory.drive(27, Level.LOW)
    bench.run(2)
    assert desk.verdict("reload") == (Outcome.REFUSED, Reason.BUSY)
    bench.factory.drive(27, Level.FLOAT)
    bench.run(15)
    object.__setattr__(bench.agent._parts, "clock", ManualClock())  # another boot: the rows are old
    assert desk.verdict("reload") == DONE


def test_a_reload_does_not_leave_rows_behind_in_an_old_directory(desk, bench):
    """A new storage directory is refused as long as something waits in the old one."""
    text = bench.config_file.read_text(encoding="utf-8")
    bench.config_file.write_text(text.replace("/data", "/elsewhere"), encoding="utf-8")
    assert bench.rows()
    assert desk.verdict("reload") == (Outcome.REFUSED, Reason.BUSY)


def test_a_node_that_has_just_started_is_not_restarted(bench, make_desk):
    """Commands cannot keep a node starting over and over."""
    assert make_desk(bench, settle_s=1).verdict("reload") == (Outcome.REFUSED, Reason.TOO_SOON)


def test_the_other_process_sees_that_it_is_meant_too(bench):
    """A watch that was made before the question says so; one made after it does not."""
    from edge.reloading import ask_reload  # noqa: PLC0415 - beside its use

    folder = bench.config.storage.runtime_directory
    before = ReloadWatch(folder)
    calm = before.asked
    assert ask_reload(folder)
    assert (calm, before.asked) == (False, True)
    assert not ReloadWatch(folder).asked
    assert not ask_reload(folder / "none")  # told in the log too, and no error


# May it be obeyed


def test_a_command_that_comes_too_late_does_nothing(desk, bench):
    """Expired by the node's clock: refused, and no row of an alert."""
    assert desk.verdict("test", sent_s=-300) == (Outcome.REFUSED, Reason.EXPIRED)
    assert desk.verdict("test", lives_s=90_000) == (Outcome.REFUSED, Reason.TOO_LONG)
    assert desk.verdict("test", expires="") == (Outcome.REFUSED, Reason.NO_EXPIRY)
    assert bench.rows("panic") == []


def test_a_clock_that_was_never_set_trusts_the_brokers_limit_only(desk, bench):
    """In 1970 `expires` says nothing: what has a message expiry is done, what has none is refused."""
    desk.clock.set_quality(ClockQuality.UNSYNCED)
    desk.clock.step_wall(-56 * 365 * 86_400)
    then = {"sent_s": 56 * 365 * 86_400}
    assert desk.verdict("test", **then) == (Outcome.REFUSED, Reason.CLOCK)
    assert desk.verdict("test", **then, properties={"MessageExpiryInterval": 60}) == DONE


def test_time_in_the_lane_counts(desk, bench):
    """What the broker gave 5 s to live and waited here for 10 is not obeyed."""
    desk.lay("test", desk.payload(), MessageExpiryInterval=5)
    bench.now_ns += 10_000_000_000
    bench.run(0.1)
    assert desk.answer().reason == Reason.EXPIRED


def test_what_the_broker_had_kept_is_not_obeyed(desk, bench):
    """A retained command is a replay, for ever; and what was done once is not refused for it later."""
    assert desk.verdict("test", retained=True) == (Outcome.REFUSED, Reason.RETAINED)
    assert bench.rows("panic") == []
    same = uuid.uuid4()
    assert desk.verdict("test", command_id=same) == DONE
    assert desk.verdict("test", command_id=same, retained=True) == DONE
    assert len(bench.rows("panic")) == 1


def test_a_command_that_comes_again_gets_the_same_answer_and_does_nothing(desk, bench):
    """Under one id a test is sent once, whenever and however often it is asked for."""
    same = uuid.uuid4()
    first = desk.send("test", command_id=same)
    bench.run(40)
    desk.clock.advance(600)
    assert desk.send("test", command_id=same) == first
    assert len(bench.rows("panic")) == len(desk.events()) == 1


def test_a_command_is_recognised_after_a_restart(make_bench, make_desk):
    """The audit outlives the process: the same answer, and no second test."""
    same = uuid.uuid4()
    bench = make_bench()
    first = make_desk(bench).send("test", command_id=same)
    bench.close()
    second = make_bench(bench.folder)
    assert make_desk(second).send("test", command_id=same) == first
    assert len(second.rows("panic")) == 1


def test_an_id_is_not_used_for_two_commands(desk, bench):
    """Another command, or other arguments, under a known id is refused, and the first one's answer stands."""
    bench.press()
    same = uuid.uuid4()
    first = desk.send("silence", command_id=same)
    assert desk.verdict("test", command_id=same) == (Outcome.REFUSED, Reason.ID_REUSED)
    assert desk.send("silence", command_id=same) == first


def test_a_refusal_stands_too(desk, bench):
    """What was refused under an id is not done under it later."""
    bench.press()
    same = uuid.uuid4()
    assert desk.verdict("reload", command_id=same) == (Outcome.REFUSED, Reason.BUSY)
    bench.outbox.remove([row.key for row in bench.rows("panic")])
    assert desk.verdict("reload", command_id=same) == (Outcome.REFUSED, Reason.BUSY)
    assert not bench.agent.commands.reloading


@pytest.mark.parametrize("payload", [b"", b"{}", b"[" * 4000, b"\xff", b"x" * 5000, b'{"id":7}'])
@pytest.mark.parametrize("name", ["test", "self-destruct", "", "\u0007"])
def test_garbage_is_refused_once_and_the_node_goes_on(desk, bench, name, payload):
    """Whatever the bytes: an answer, one row for the archive however often they come, and presses as ever."""
    before = len(desk.events())
    for _ in range(3):
        desk.lay(name, payload)
        bench.run(0.1)
    assert {Answer.from_payload(said[1]).result for said in desk.said} == {Outcome.REFUSED}
    assert len(desk.events()) == before + 1
    bench.press()
    assert len(bench.rows("panic")) == 1


def test_a_bug_in_a_command_is_an_answer(desk, monkeypatch):
    """What fails while it is done is refused with the failure, and the loop lives."""

    def stumble(_command):
        raise RuntimeError("a bug")

    monkeypatch.setattr(desk.bench.agent._orders, "carry_out", stumble)
    answer = desk.send("silence")
    assert (answer.result, answer.reason) == (Outcome.REFUSED, Reason.FAILED)
    assert "a bug" in answer.text


# Answers and the audit


def test_an_answer_repeats_the_correlation_and_names_the_command(desk):
    """Topic and bytes are the sender's, up to 64 bytes of them."""
    same = uuid.uuid4()
    answer = desk.send("silence", command_id=same)
    assert desk.said[-1][0::2] == (REPLY, b"\x00\xff")
    assert (answer.id, answer.command) == (same, "silence")
    desk.send("silence", properties={"CorrelationData": "ab" * 65})
    assert desk.said[-1][2] == b""


@pytest.mark.parametrize(
    "topic",
    [
        None,
        "",
        "tuquan/v1/phuong-thu/cho/status",
        "tuquan/v1/phuong-thu/cho/alert/panic",
        "tuquan/v1/x/y/z",
        "#",
    ],
)
def test_an_answer_never_lands_where_nodes_speak(desk, bench, topic):
    """A response topic that is none is left alone; the row for the archive says it all the same."""
    desk.lay("silence", desk.payload(), ResponseTopic=topic)
    bench.run(0.1)
    assert desk.said == []
    (event,) = desk.events()
    assert (event["name"], event["result"], event["by"]) == ("silence", "already", "trực ban")


def test_every_command_is_a_row_for_the_archive(desk, bench):
    """Done or refused, with name, id, sender, result and reason, below life-safety and security."""
    same = uuid.uuid4()
    desk.send("evidence-request", command_id=same)
    (row,) = [row for row in bench.rows() if row.topic.endswith("/event/command")]
    assert row.cls is MessageClass.EVENT
    assert (row.type, row.subject) == ("vn.tuquan.event.command", "evidence-request")
    assert data(row) == {
        "kind": "command",
        "name": "evidence-request",
        "id": str(same),
        "by": "trực ban",
        "result": "refused",
        "reason": "nothing-kept",
        "text": "This node keeps no pictures.",
    }


def test_the_audit_can_be_read_beside_the_node(desk, bench):
    """The last command first, with its sender and its result."""
    desk.send("silence")
    desk.send("test")
    found = entries(bench.config.storage.directory / AUDIT_FILE, 10)
    assert [(entry.name, entry.result, entry.by) for entry in found] == [
        ("test", Outcome.DONE, "trực ban"),
        ("silence", Outcome.ALREADY, "trực ban"),
    ]


def entry(number):
    return Entry(
        id=uuid.UUID(int=number + 1), name="test", args="{}", by="x", received_us=number, clock="synced",
        result=Outcome.DONE,
    )  # fmt: skip


def test_the_audit_is_bounded_and_keeps_the_newest(tmp_path, monkeypatch):
    """Beyond its bound the oldest rows go; the bound is above what a node takes within a command's life."""
    assert MAX_ROWS > PER_MINUTE * 24 * 60
    monkeypatch.setattr("edge.audit.MAX_ROWS", 10)
    with closing(Audit(tmp_path / "a.db")) as audit:
        for number in range(30):
            audit.keep(entry(number))
    found = entries(tmp_path / "a.db", 100)
    assert [entry.received_us for entry in found] == list(range(29, 19, -1))


def test_a_damaged_audit_is_set_aside_and_commands_go_on(make_bench, make_desk):
    """Bytes that are no database: kept beside, told as a fault, and a new one is begun."""
    first = make_bench()
    first.close()
    path = first.config.storage.directory / AUDIT_FILE
    path.write_bytes(b"no database at all" * 1000)
    bench = make_bench(first.folder)
    desk = make_desk(bench)
    assert desk.verdict("silence") == (Outcome.ALREADY, Reason.SILENT)
    assert path.with_name("audit.db.damaged").read_bytes().startswith(b"no database")
    assert len(entries(path, 10)) == 1
    bench.run(2)
    assert "damaged" in {fault.code for fault in bench.agent.status().faults}


def test_an_audit_that_the_disk_refuses_stops_no_command(make_bench, make_desk):
    """A directory in the file's place: done once, answered, told as a fault, and recognised by memory."""
    first = make_bench()
    first.close()
    (first.config.storage.directory / AUDIT_FILE).mkdir()
    bench = make_bench(first.folder)
    desk = make_desk(bench)
    same = uuid.uuid4()
    answer = desk.send("test", command_id=same)
    assert answer.result is Outcome.DONE
    assert desk.send("test", command_id=same) == answer
    assert len(bench.rows("panic")) == 1
    bench.run(2)
    faults = {(fault.device, fault.code) for fault in bench.agent.status().faults}
    assert (AUDIT_FILE, "unwritable") in faults


def test_an_audit_that_was_refused_is_made_good(make_bench, make_desk):
    """When the disk takes it again, what was done meanwhile is in the file, and the fault is over."""
    first = make_bench()
    first.close()
    path = first.config.storage.directory / AUDIT_FILE
    path.mkdir()
    bench = make_bench(first.folder)
    desk = make_desk(bench)
    desk.send("silence")
    bench.press()
    path.rmdir()
    bench.run(10)
    assert [entry.name for entry in entries(path, 10)] == ["silence"]
    with closing(sqlite3.connect(path)) as audit:
        assert audit.execute("SELECT count(*) FROM incident").fetchone() == (1,)
    assert "unwritable" not in {fault.code for fault in bench.agent.status().faults}


def test_a_damaged_row_of_an_incident_costs_only_that_incident(make_bench, make_desk):
    """One body that cannot be read: the others can still be withdrawn."""
    first = make_bench()
    first.run(3)
    first.press()
    first.close()
    with closing(sqlite3.connect(first.config.storage.directory / AUDIT_FILE)) as audit:
        audit.execute("INSERT INTO incident (id, body) VALUES ('x', '{')")
        audit.commit()
    bench = make_bench(first.folder)
    incident = data(bench.rows("panic")[0])["incident"]
    assert make_desk(bench).verdict("false-alarm", {"incident": incident}) == DONE


# Too many


def test_a_storm_of_commands_never_comes_before_a_press(desk, bench):
    """Ten thousand commands laid first, one press after them: the press's row is older than any command's."""
    before = {row.id for row in bench.rows()}
    for _ in range(10_000):
        desk.lay("silence", b'{"id":"')
    bench.factory.drive(17, Level.LOW)
    bench.agent.step(0.0)
    new = sorted((row for row in bench.rows() if row.id not in before), key=lambda row: row.seq)
    assert new[0].topic.endswith("/alert/panic")
    assert bench.lamps.state is LampState.PRESSED


def test_commands_wait_while_readings_come(desk, bench):
    """With more readings than a step takes, no command is done in that step."""
    desk.lay("test", desk.payload())
    reading = None
    bench.factory.drive(17, Level.LOW)
    reading = bench.inbox.get_nowait()
    for _ in range(2000):
        bench.inbox.put(reading)
    bench.agent.step(0.0)
    assert desk.said == []
    bench.run(0.5)
    assert len(desk.said) == 1


def test_a_flood_is_refused_unread_and_told_once(desk, bench):
    """Beyond the limit nothing is done; a few are answered, one row tells it; it is over after a minute."""
    for _ in range(50):
        desk.lay("silence", desk.payload())
    bench.run(5)
    reasons = [Answer.from_payload(said[1]).reason for said in desk.said]
    assert reasons.count(Reason.SILENT) == PER_MINUTE
    assert reasons.count(Reason.FLOOD) == len(reasons) - PER_MINUTE == 5
    assert [event["name"] for event in desk.events()].count("*") == 1
    bench.run(61)
    assert desk.verdict("silence") == (Outcome.ALREADY, Reason.SILENT)


def test_receipts_still_reach_the_lamp(desk, bench):
    """What is not on a command's topic takes the way that it always took."""
    bench.press()
    (row,) = bench.rows("panic")
    payload = json.dumps({"id": str(row.id), "state": "received", "by": "", "at": ""}).encode()
    bench.agent.hear(Arrival(topic="tuquan/v1/phuong-thu/cho/receipt", payload=payload, properties={}))
    bench.run(0.1)
    assert bench.lamps.state is LampState.RECEIVED
