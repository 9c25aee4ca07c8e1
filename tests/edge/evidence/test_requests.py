"""Asking for pictures: accepted on the disk, carried out after any restart, announced once they are there."""

from __future__ import annotations

import json
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from edge.config import examine, load
from edge.errors import EvidenceUnwritable
from edge.evidence.record import Role
from edge.evidence.requests import Request, Requests, Task
from edge.evidenceclerk import Clerk
from edge.evidencerequests import EvidenceDesk, sends_by_rule
from edge.uploader import FAULT_AFTER_S, MOST_REFUSALS, Uploader
from sync.clock import SystemClock
from sync.command import Command, Outcome, Reason
from sync.dial import Stopping
from sync.errors import OutboxUnavailable
from sync.message import Message, MessageClass
from sync.station.intake import Intake
from sync.station.settings import IntakeSettings, ShelfSettings
from sync.station.shelf import Shelf
from sync.station.tokens import Tokens
from sync.station.uploads import Uploads
from tests.edge.evidence.street import draft, files

CONFIG = """
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ"
latitude = 10.77
longitude = 106.69

[storage]
directory = "{folder}"
runtime_directory = "{folder}/run"

[camera]
source = "{camera}"

[intake]
url = "{url}"
token_file = "{folder}/token"
timeout_s = 2.0

[upload]
max_kbit = 800000

[[broker]]
host = "127.0.0.1"
tls = false
"""


class Station:
    """A real intake on loopback that takes pictures."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.limits = ShelfSettings(min_free_mb=0)
        self.token = Tokens(folder / "tokens").issue("phuong-thu/cho")
        self.shelf = Shelf(folder / "evidence", self.limits, SystemClock())
        self.open(0)

    def open(self, port):
        self.intake = Intake(
            IntakeSettings(enabled=True, port=port),
            lambda _arrivals: [],
            token_file=self.folder / "tokens",
            by="/tuquan/phuong-thu/station",
            clock=SystemClock(),
            uploads=Uploads(self.shelf, self.limits),
        )
        self.intake.start()
        self.url = f"http://127.0.0.1:{self.intake.port}/v1/messages"


@pytest.fixture
def station(tmp_path):
    end = Station(tmp_path / "station")
    yield end
    end.intake.stop()


def configured(folder, url="", camera="file:street.avi", token="none"):  # noqa: S107 - nobody's
    (folder / "token").write_text(token)
    (folder / "token").chmod(0o600)
    text = CONFIG.format(folder=folder, url=url, camera=camera)
    if not url:
        text = text.replace(f'token_file = "{folder}/token"', "")
    (folder / "node.toml").write_text(text, encoding="utf-8")
    return load(folder / "node.toml")


def told(name, **args):
    """A command as it comes from the wire."""
    now = datetime.now(UTC)
    document = {
        "id": str(uuid.uuid4()),
        "at": now.isoformat(timespec="seconds"),
        "expires": (now + timedelta(minutes=2)).isoformat(timespec="seconds"),
        "by": "trực ban",
        "args": args,
    }
    return Command.read(name, json.dumps(document).encode())


@pytest.fixture
def ask(tmp_path, store):
    """Ask the desk of a node that keeps clips and can send them."""
    del store
    config = configured(tmp_path, "http://127.0.0.1:9/v1/messages")
    desk = EvidenceDesk(config)
    return lambda name="evidence-request", **args: desk(told(name, **args))


@pytest.fixture
def waiting(store):
    requests = Requests(store.directory)
    return lambda task=Task.SEND: requests.waiting(task)


def test_what_can_be_sent_is_accepted_with_its_size_and_on_the_disk(store, ask, waiting):
    """The covered clip unless the original is asked for; each is a file that a restart finds."""
    store.keep(draft(5), files(5, 4321))
    verdict = ask(incident=str(UUID(int=5)))
    assert (verdict.result, verdict.text) == (Outcome.DONE, "Accepted: 4321 bytes will be sent.")
    assert ask(incident=str(UUID(int=5)), original=True).result is Outcome.DONE
    assert sorted((request.incident.int, request.role, request.by) for request in waiting()) == [
        (5, Role.BLURRED, "trực ban"),
        (5, Role.ORIGINAL, "trực ban"),
    ]


def test_what_waits_already_is_not_asked_for_twice(store, ask, waiting):
    """Two people who want the same file get one upload, and the second is told."""
    store.keep(draft(5), files(5))
    ask(incident=str(UUID(int=5)))
    assert ask(incident=str(UUID(int=5))).result is Outcome.ALREADY
    assert len(waiting()) == 1


def test_what_cannot_be_sent_is_refused_with_the_reason(store, ask, waiting):
    """No incident, none of that id, no original, pictures that are gone, a sidecar that is damaged."""
    store.keep(draft(1), {Role.BLURRED: b"film"})
    store.keep(draft(2), files(2))
    store.delete_incident(UUID(int=2), by="retention", reason="age")
    store.keep(draft(3), files(3))
    (store.directory / f"{UUID(int=3)}.json").write_text("{", encoding="utf-8")
    cases: list[tuple[dict[str, Any], Reason, str]] = [
        ({}, Reason.NOT_UNDERSTOOD, "incident"),
        ({"incident": str(UUID(int=9))}, Reason.NOT_FOUND, "no clip"),
        ({"incident": str(UUID(int=1)), "original": True}, Reason.NOTHING_KEPT, "recipients"),
        ({"incident": str(UUID(int=2))}, Reason.GONE, "deleted"),
        ({"incident": str(UUID(int=3))}, Reason.FAILED, "sidecar"),
    ]
    for args, reason, words in cases:
        verdict = ask("evidence-request", **args)
        assert (verdict.result, verdict.reason) == (Outcome.REFUSED, reason)
        assert words in verdict.text
    assert waiting() == []


def test_a_note_of_a_deletion_is_no_clip(store, ask):
    """An id that names another kind of sidecar is refused, not sent."""
    store.keep(draft(2), files(2))
    store.delete_incident(UUID(int=2), by="an", reason="request 5")
    (note,) = store.deletions()
    assert ask(incident=str(note.id)).result is Outcome.REFUSED


def test_a_node_without_pictures_or_without_a_way_says_so(tmp_path, store):
    """No camera: nothing is kept. No [intake]: it cannot be sent, and a deletion is accepted all the same."""
    store.keep(draft(1), files(1))
    blind = EvidenceDesk(configured(tmp_path, camera=""))
    assert blind(told("evidence-request", incident=str(UUID(int=1)))).reason is Reason.NOTHING_KEPT
    mute_config = configured(tmp_path)
    mute = EvidenceDesk(mute_config)
    verdict = mute(told("evidence-request", incident=str(UUID(int=1))))
    assert verdict.reason is Reason.NO_UPLOAD
    assert "[intake]" in verdict.text
    assert sends_by_rule(mute_config) is None
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "reason": "x"}
    assert mute(told("evidence-delete", **window)).result is Outcome.DONE


def test_a_rule_that_sends_at_once_needs_a_way(tmp_path):
    """Without [intake] the check says so, and the node runs all the same."""
    configured(tmp_path)
    file = tmp_path / "node.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + '[[rule]]\nkind = "intrusion"\nupload = true\n', encoding="utf-8")
    found = examine(file)
    assert found.config is not None
    (doubt,) = [problem for problem in found.problems if problem.path == "rule[0].upload"]
    assert doubt.warning
    assert "[intake]" in doubt.remedy


def test_a_flood_of_requests_is_bounded_and_a_full_disk_is_told(store, ask, monkeypatch):
    """What cannot be written down is not accepted."""
    store.keep(draft(1), files(1))
    monkeypatch.setattr("edge.evidencerequests.MOST_WAITING", 0)
    assert ask(incident=str(UUID(int=1))).reason is Reason.FLOOD
    monkeypatch.undo()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Requests, "add", full)
    verdict = ask(incident=str(UUID(int=1)))
    assert (verdict.reason, "No space" in verdict.text) == (Reason.FAILED, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "args.from"),
        ({"from": "2026-01-01T00:00:00Z"}, "args.to"),
        ({"from": "yesterday", "to": "2026-01-01T00:00:00Z", "reason": "x"}, "args.from"),
        ({"from": "2026-01-01T00:00:00", "to": "2026-01-01T00:00:00Z", "reason": "x"}, "args.from"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z", "reason": "x"}, "before"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "reason"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "reason": "a\nb"}, "reason"),
    ],
)
def test_a_deletion_needs_two_times_and_a_reason(ask, waiting, args, words):
    """Whatever is missing or wrong is named, and nothing is deleted."""
    verdict = ask("evidence-delete", **args)
    assert verdict.reason is Reason.NOT_UNDERSTOOD
    assert words in verdict.text
    assert waiting(Task.DELETE) == []


def test_a_deletion_is_carried_out_with_a_note_and_stops_what_was_to_be_sent(store, ask, waiting):
    """Only clips of that time go; who wanted it and why stands in the chain; their uploads are off."""
    for number in (1, 2):
        begins = datetime(2026, 1, number, 12, tzinfo=UTC)
        ends = begins + timedelta(seconds=15)
        times = {"begins": begins.isoformat(), "ends": ends.isoformat()}
        store.keep(draft(number, **times), files(number))
        ask(incident=str(UUID(int=number)))
    window = {"from": "2026-01-01T19:00:00+07:00", "to": "2026-01-01T20:00:00+07:00", "reason": "đơn số 5"}
    assert ask("evidence-delete", **window).result is Outcome.DONE
    clerk = Clerk(store)
    clerk.turn()
    assert [held.record.incident.int for held in store.held()] == [2]
    (note,) = store.deletions()
    assert (note.by, note.reason, note.deleted) == ("trực ban", "đơn số 5", (UUID(int=1),))
    assert [request.incident.int for request in waiting()] == [2]
    assert waiting(Task.DELETE) == []
    assert clerk.faults() == ()


def test_a_deletion_that_the_disk_refuses_waits_and_is_a_fault(store, ask, waiting, monkeypatch):
    """It was promised: it is tried again until it is done, and the node says so meanwhile."""
    store.keep(draft(1), files(1))
    window = {"from": "2025-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "reason": "x"}
    ask("evidence-delete", **window)

    def refuses(*_, **__):
        raise EvidenceUnwritable("read-only")

    clerk = Clerk(store, look_s=0.01)
    with monkeypatch.context() as broken:
        broken.setattr(store, "delete", refuses)
        clerk.turn()
        assert "read-only" in clerk.faults()[0].text
        assert len(waiting(Task.DELETE)) == 1
    clerk.start()
    deadline = time.monotonic() + 5
    while store.held() or clerk.faults():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    clerk.stop()
    clerk.stop()


def test_rubbish_among_the_requests_is_taken_away(store, waiting):
    """A file that is no request does not keep the others from being done."""
    requests = Requests(store.directory)
    request = Request(id=uuid.uuid4(), task=Task.SEND, by="an", incident=UUID(int=1))
    requests.add(request)
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"id": 5}'), ("d", "\xff")):
        (store.directory / "requests" / f"{name}.json").write_text(text, encoding="latin-1")
    assert waiting() == [request]
    assert requests.count() == 1


class Sent(list[Message]):
    """What was put into the outbox; refuses while `full`."""

    full = False

    def put(self, message):
        if self.full:
            raise OutboxUnavailable("the disk is full")
        self.append(message)


@pytest.fixture
def sent():
    return Sent()


def test_a_clip_that_was_asked_for_is_at_the_station_and_announced(tmp_path, store, station, sent, waiting):
    """File, request and announcement in that order; the announcement ties the file to the node's sidecar."""
    config = configured(tmp_path, station.url, token=station.token)
    held, desk = store.keep(draft(5), files(5, 300_000)), EvidenceDesk(config)
    desk(told("evidence-request", incident=str(UUID(int=5)), original=True))
    by_rule = sends_by_rule(config)
    assert by_rule is not None
    by_rule(UUID(int=5))
    uploader = Uploader(config, sent.put, look_s=0.01)
    uploader.start()
    deadline = time.monotonic() + 10
    while waiting():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    uploader.stop()
    home = station.folder / "evidence/phuong-thu/cho"
    for role in Role:
        assert (home / held.paths[role].name).read_bytes() == held.paths[role].read_bytes()
    notices = {message.data["files"][0]["role"]: message for message in sent}
    assert set(notices) == {"blurred", "original"}
    for role, message in notices.items():
        assert (message.topic, message.cls) == (
            "tuquan/v1/phuong-thu/cho/evidence/clip",
            MessageClass.EVIDENCE,
        )
        assert message.data["where"] == "station"
        assert message.data["sidecar_sha256"] == held.sha256
        assert message.data["files"][0]["sha256"] == held.record.file(Role(role)).sha256
    assert uploader.faults() == ()


def test_an_outbox_that_is_full_does_not_lose_the_announcement(tmp_path, store, station, sent, waiting):
    """The file is there, the word of it is not: the request stays until both are."""
    config = configured(tmp_path, station.url, token=station.token)
    store.keep(draft(5), files(5))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    sent.full = True
    first = Uploader(config, sent.put)
    first.turn()
    assert len(waiting()) == 1
    first.stop()
    sent.full = False
    second = Uploader(config, sent.put)  # a restart, as far as anything on the disk knows
    second.turn()
    assert len(sent) == 1
    assert waiting() == []
    second.stop()


def test_a_station_that_is_away_is_a_fault_after_a_while_and_none_when_it_is_back(
    tmp_path, store, station, sent, waiting
):
    """The request waits; the fault says why, and ends with the first file that goes."""
    config, now = configured(tmp_path, station.url, token=station.token), [1000.0]
    store.keep(draft(5), files(5))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    port = station.intake.port
    station.intake.stop()
    uploader = Uploader(config, sent.put, now_s=lambda: now[0])
    uploader.turn()
    assert uploader.faults() == ()
    now[0] += FAULT_AFTER_S
    (fault,) = uploader.faults()
    assert (fault.component, fault.code) == ("evidence", "unsent")
    assert "refused" in fault.text
    assert len(waiting()) == 1
    station.open(port)
    uploader.turn()
    assert (waiting(), uploader.faults()) == ([], ())
    uploader.stop()


def test_a_file_that_the_station_will_not_have_is_told_and_given_up(tmp_path, store, station, sent, waiting):
    """Changed on the card: refused each time, a fault that says so, and after some times no more traffic."""
    config, now = configured(tmp_path, station.url, token=station.token), [1000.0]
    held = store.keep(draft(5), files(5))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    held.paths[Role.BLURRED].write_bytes(os.urandom(1000))
    uploader = Uploader(config, sent.put, now_s=lambda: now[0])
    for _ in range(MOST_REFUSALS):
        assert len(waiting()) == 1
        uploader.turn()
        uploader.turn()  # not again at once
        now[0] += 3600
    assert (waiting(), sent) == ([], [])
    (fault,) = uploader.faults()
    assert fault.code == "refused"
    assert "SHA-256" in fault.text
    uploader.stop()


def test_a_clip_that_has_gone_meanwhile_is_not_waited_for(tmp_path, store, station, sent, waiting):
    """Deleted after it was asked for: the request goes, and nothing is announced."""
    config = configured(tmp_path, station.url, token=station.token)
    store.keep(draft(5), files(5))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    store.delete_incident(UUID(int=5), by="an", reason="x")
    uploader = Uploader(config, sent.put)
    uploader.turn()
    assert (waiting(), sent, uploader.faults()) == ([], [], ())
    uploader.stop()


def test_the_uploader_ends_in_the_middle_of_a_file(tmp_path, store, station, sent, waiting):
    """Within a second, and the request is still there for the next start."""
    config = configured(tmp_path, station.url, token=station.token)
    store.keep(draft(5), files(5, 500_000))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))

    def begun():
        return bool(list((station.folder / "evidence").glob("*/*/.*.part")))

    uploader = Uploader(config, sent.put, hold=begun)
    uploader.start()
    deadline = time.monotonic() + 5
    while not begun():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    uploader.stop()
    assert time.monotonic() - began < 1.0
    assert len(waiting()) == 1
    with pytest.raises(Stopping):
        uploader._upload.pause(1)
