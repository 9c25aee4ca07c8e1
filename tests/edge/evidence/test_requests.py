"""Asking for pictures: accepted on the disk, carried out after any restart, announced once they are there."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from edge.config import examine
from edge.errors import EvidenceUnwritable
from edge.evidence.record import Role
from edge.evidence.requests import Request, Requests, Task
from edge.evidence.store import Store
from edge.evidenceclerk import Clerk
from edge.evidencerequests import MOST_BY_RULE, MOST_WAITING, EvidenceDesk, sends_by_rule
from sync.command import Outcome, Reason
from tests.edge.evidence.asking import configured, told
from tests.edge.evidence.street import draft, files


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
        ({"incident": str(UUID(int=9))}, Reason.NOT_FOUND, "or 30 s after its first"),
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
    """No camera: nothing is kept. No [intake]: it cannot be sent, and a deletion is accepted all the same.

    What was kept while there was a camera can still be deleted.
    """
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "reason": "x"}
    blind = EvidenceDesk(configured(tmp_path, camera=""))
    assert blind(told("evidence-request", incident=str(UUID(int=1)))).reason is Reason.NOTHING_KEPT
    assert blind(told("evidence-delete", **window)).reason is Reason.NOTHING_KEPT
    store.keep(draft(1), files(1))
    assert blind(told("evidence-delete", **window)).result is Outcome.DONE
    mute_config = configured(tmp_path)
    mute = EvidenceDesk(mute_config)
    verdict = mute(told("evidence-request", incident=str(UUID(int=1))))
    assert verdict.reason is Reason.NO_UPLOAD
    assert "[intake]" in verdict.text
    assert sends_by_rule(mute_config) is None
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


WINDOW = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "reason": "đơn số 5"}


def test_files_that_wait_keep_no_deletion_from_being_taken(store, ask, waiting):
    """A hundred clips to be sent over a line that is down: what has to go is deleted all the same."""
    requests = Requests(store.directory)
    for number in range(MOST_WAITING):
        requests.add(Request(id=UUID(int=number), task=Task.SEND, by="an", incident=UUID(int=number)))
    store.keep(draft(1), files(1))
    assert ask(incident=str(UUID(int=1)), original=True).reason is Reason.FLOOD
    assert ask("evidence-delete", **WINDOW).result is Outcome.DONE
    assert len(waiting(Task.DELETE)) == 1


def test_deletions_that_wait_keep_no_file_from_being_asked_for_and_are_bounded(store, ask, monkeypatch):
    """Each task has its own bound."""
    monkeypatch.setattr("edge.evidencerequests.MOST_WAITING", 2)
    store.keep(draft(1), files(1))
    verdicts = [ask("evidence-delete", **WINDOW) for _ in range(3)]
    assert [verdict.result for verdict in verdicts] == [Outcome.DONE, Outcome.DONE, Outcome.REFUSED]
    assert ask(incident=str(UUID(int=1))).result is Outcome.DONE


def test_rules_leave_room_for_people_who_ask(tmp_path, store, ask, waiting):
    """However many clips a rule wants sent while the line is down, somebody who asks for one gets it."""
    by_rule = sends_by_rule(configured(tmp_path, "http://127.0.0.1:9/v1/messages"))
    assert by_rule is not None
    for number in range(MOST_WAITING + 1):
        by_rule(UUID(int=1000 + number))
    assert len(waiting()) == MOST_BY_RULE
    store.keep(draft(1), files(1))
    assert ask(incident=str(UUID(int=1))).result is Outcome.DONE


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "args.from"),
        ({"from": "2026-01-01T00:00:00Z"}, "args.to"),
        ({"from": "yesterday", "to": "2026-01-01T00:00:00Z", "reason": "x"}, "args.from"),
        ({"from": "2026-01-01T00:00:00", "to": "2026-01-01T00:00:00Z", "reason": "x"}, "args.from"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z", "reason": "x"}, "before"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2126-01-01T00:00:00Z", "reason": "x"}, "ahead"),
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


def test_nobody_asks_for_a_deletion_in_the_nodes_own_name(store, ask, waiting):
    """The note would read as if the node had done so by age."""
    args = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "reason": "age"}
    verdict = ask("evidence-delete", by="retention", **args)
    assert "the node itself" in verdict.text
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


def test_a_deletion_waits_for_a_clip_that_is_still_being_made(store, ask, waiting):
    """What shows the window and is written a moment later is deleted too; then the request is done."""
    window = {"from": "2026-01-01T11:00:00Z", "to": "2026-01-01T13:00:00Z", "reason": "x"}
    ask("evidence-delete", **window)
    making: list[datetime | None] = [datetime(2026, 1, 1, 12, 59, tzinfo=UTC)]
    clerk = Clerk(store, making_since=lambda: making[0])
    clerk.turn()
    assert len(waiting(Task.DELETE)) == 1
    begins = datetime(2026, 1, 1, 12, tzinfo=UTC)
    times = {"begins": begins.isoformat(), "ends": (begins + timedelta(seconds=15)).isoformat()}
    store.keep(draft(1, **times), files(1))
    making[0] = None
    clerk.turn()
    assert store.held() == []
    assert waiting(Task.DELETE) == []


def test_a_deletion_that_the_disk_refuses_waits_and_is_a_fault(store, ask, waiting, monkeypatch):
    """It was promised: it is tried again until it is done, and the node says so meanwhile."""
    store.keep(draft(1), files(1))
    window = {"from": "2025-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "reason": "x"}
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


def test_rubbish_among_the_requests_is_set_aside_and_told(store, waiting):
    """A file that is no request keeps no other from being done; it is kept, and named until somebody acts."""
    requests, folder = Requests(store.directory), store.directory / "requests"
    request = Request(id=uuid.uuid4(), task=Task.SEND, by="an", incident=UUID(int=1))
    requests.add(request)
    rubbish = {
        "a": "{",
        "b": "[]",
        "c": '{"id": 5}',
        "d": "\xff",
        "e": f'{{"id": "{UUID(int=1)}", "task": "send", "by": "an"}}',
        str(UUID(int=2)): f'{{"id": "{UUID(int=2)}", "task": "delete", "by": "an", "begins": "yesterday"}}',
    }
    for name, text in rubbish.items():
        (folder / f"{name}.json").write_text(text, encoding="latin-1")
    assert waiting() == [request]
    assert requests.count() == 1
    assert {path.name for path in requests.unread()} == {f"{name}.json.damaged" for name in rubbish}
    clerk = Clerk(store)
    clerk.turn()
    (fault,) = clerk.faults()
    assert fault.code == "request"
    assert f"{folder / UUID(int=2).__str__()}.json.damaged (and 5 more)" in fault.text
    for path in requests.unread():
        path.unlink()
    clerk.turn()
    assert clerk.faults() == ()


NOBODY = 65534


@contextlib.contextmanager
def somebody_else():
    """Root may read everything: be nobody for a while."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def test_a_request_that_cannot_be_read_holds_up_no_other(tmp_path, store, monkeypatch):
    """One that is root's alone: the others are done, it is told, and done once it can be read."""
    begins = datetime(2026, 1, 1, 12, tzinfo=UTC)
    store.keep(draft(1, begins=begins.isoformat(), ends=begins.isoformat()), files(1))
    requests, paths = Requests(store.directory), []
    for number in (1, 2, 3):
        day = begins.replace(day=number).isoformat()
        requests.add(Request(id=UUID(int=number), task=Task.DELETE, by="an", begins=day, ends=day))
        paths.append(store.directory / "requests" / f"{UUID(int=number)}.json")
    if os.geteuid() == 0:
        for path in (tmp_path, store.directory, *store.directory.rglob("*")):
            os.chown(path, NOBODY, -1)
        os.chown(paths[0], 0, 0)
    paths[0].chmod(0)
    monkeypatch.chdir(tmp_path)
    clerk = Clerk(Store(Path("evidence"), store._settings, clock=store._clock, node="a/b"))
    with somebody_else():
        clerk.turn()
    assert [path.exists() for path in paths] == [True, False, False]
    (fault,) = clerk.faults()
    assert (fault.code, paths[0].name in fault.text) == ("request", True)
    paths[0].chmod(0o644)
    with somebody_else():
        clerk.turn()
    assert clerk.faults() == ()
    assert not paths[0].exists()
    assert store.held() == []
