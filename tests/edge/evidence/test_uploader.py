"""Bringing pictures that were asked for: announced once they are there; troubles are told while they last."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from uuid import UUID

import pytest

from edge.evidence.record import Role
from edge.evidence.requests import Request, Requests, Task
from edge.evidencerequests import EvidenceDesk, sends_by_rule
from edge.uploader import COMPLAIN_S, FAULT_AFTER_S, MOST_TRIES, Uploader
from sync.clock import SystemClock
from sync.dial import Stopping
from sync.errors import OutboxUnavailable
from sync.message import Message, MessageClass
from sync.settings import UploadSettings
from sync.station.intake import Intake
from sync.station.settings import IntakeSettings, ShelfSettings
from sync.station.shelf import Shelf
from sync.station.tokens import Tokens
from sync.station.uploads import Uploads
from sync.upload import RETRY_FIRST_S, Upload
from tests.edge.evidence.asking import configured, told
from tests.edge.evidence.street import draft, files


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


@pytest.fixture
def waiting(store):
    requests = Requests(store.directory)
    return lambda task=Task.SEND: requests.waiting(task)


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
        assert message.data["sidecarSha256"] == held.sha256
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
    """Changed on the card: refused each time, given up after some times, and told for an hour after."""
    config, now = configured(tmp_path, station.url, token=station.token), [1000.0]
    held = store.keep(draft(5), files(5))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    held.paths[Role.BLURRED].write_bytes(os.urandom(1000))
    uploader = Uploader(config, sent.put, now_s=lambda: now[0])
    for _ in range(MOST_TRIES):
        assert len(waiting()) == 1
        uploader.turn()
        uploader.turn()  # not again at once
        now[0] += 600
    uploader.turn()
    assert (waiting(), sent) == ([], [])
    (fault,) = uploader.faults()
    assert fault.code == "refused"
    assert "SHA-256" in fault.text
    now[0] += COMPLAIN_S - 600
    assert uploader.faults() == ()
    uploader.stop()


@pytest.mark.parametrize("damage", ["sidecar", "file"])
def test_a_clip_that_cannot_be_read_keeps_no_other_one_from_being_sent(
    tmp_path, store, station, sent, waiting, damage
):
    """It is told, tried a few times and given up; the next file goes at once."""
    config, now = configured(tmp_path, station.url, token=station.token), [1000.0]
    for number in (4, 5):
        held = store.keep(draft(number), files(number))
        request = Request(id=UUID(int=number), task=Task.SEND, by="an", incident=UUID(int=number))
        Requests(store.directory).add(request)
        if number == 4 and damage == "sidecar":
            (store.directory / f"{UUID(int=4)}.json").write_text("{", encoding="utf-8")
        elif number == 4:
            held.paths[Role.BLURRED].unlink()
            held.paths[Role.BLURRED].mkdir()
    uploader = Uploader(config, sent.put, now_s=lambda: now[0])
    uploader.turn()
    assert [request.incident.int for request in waiting()] == [4]
    assert len(sent) == 1
    assert [fault.code for fault in uploader.faults()] == ["unreadable"]
    for _ in range(MOST_TRIES - 1):
        now[0] += 600
        uploader.turn()
    assert waiting() == []
    uploader.stop()


def test_a_request_that_is_withdrawn_takes_its_troubles_along(tmp_path, store, station, sent, waiting):
    """What nobody wants any more is neither unsent nor refused."""
    config, now = configured(tmp_path, station.url, token=station.token), [1000.0]
    held = store.keep(draft(5), files(5))
    uploader = Uploader(config, sent.put, now_s=lambda: now[0])
    for away in (False, True):
        EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
        held.paths[Role.BLURRED].write_bytes(os.urandom(1000))
        if away:
            station.intake.stop()
        uploader.turn()
        now[0] += FAULT_AFTER_S
        assert [fault.code for fault in uploader.faults()] == ["unsent" if away else "refused"]
        (request,) = waiting()
        Requests(store.directory).remove(request)
        uploader.turn()
        assert uploader.faults() == ()
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


def test_a_clip_that_is_deleted_while_it_is_being_sent_does_not_arrive(
    tmp_path, store, station, sent, waiting
):
    """In the middle of it: the rest stays here, nothing is announced, and that is no fault."""
    config = configured(tmp_path, station.url, token=station.token)
    store.keep(draft(5), files(5, 3_000_000))
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    slow = Upload(config.intake, UploadSettings(max_kbit=8000))
    uploader = Uploader(config, sent.put, look_s=0.05, upload=slow)
    uploader.start()
    deadline = time.monotonic() + 20
    while not (parts := list(station.folder.rglob(".*.part"))) or parts[0].stat().st_size < 300_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert store.delete_incident(UUID(int=5), by="an", reason="đơn số 5")
    while waiting():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (sent, uploader.faults(), station.shelf.ledger.files()) == ([], (), [])
    assert parts[0].stat().st_size < 2_000_000
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


class Flapping:
    """A line that carries so many bytes to the station and is cut then; nobody answers until it is mended."""

    def __init__(self, port):
        self._to = port
        self._left = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self, carries):
        self._left = carries

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                with near, socket.create_connection(("127.0.0.1", self._to)) as far:
                    back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
                    back.start()
                    while self._left > 0 and (data := near.recv(4096)):
                        far.sendall(data)
                        self._left -= len(data)
                    for end in (near, far):
                        with contextlib.suppress(OSError):
                            end.shutdown(socket.SHUT_RDWR)
                    back.join()

    def _carry(self, far, near):
        with contextlib.suppress(OSError):
            while data := far.recv(4096):
                near.sendall(data)

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def test_a_line_that_is_cut_again_and_again_is_tried_soon_as_long_as_something_comes(
    tmp_path, store, station, sent, waiting
):
    """However often: each attempt that brought a part is followed by a short wait, and is no fault."""
    line = Flapping(station.intake.port)
    url = station.url.replace(str(station.intake.port), str(line.port))
    config, now = configured(tmp_path, url, token=station.token), [1000.0]
    held = store.keep(draft(5), {Role.BLURRED: random.Random(5).randbytes(2_000_000)})
    EvidenceDesk(config)(told("evidence-request", incident=str(UUID(int=5))))
    uploader = Uploader(config, sent.put, now_s=lambda: now[0])
    for _ in range(5):
        line.mend(300_000)  # a piece and a bit
        uploader.turn()
        assert len(waiting()) == 1
        assert uploader._due_s - now[0] <= RETRY_FIRST_S
        now[0] += FAULT_AFTER_S - 1
        assert uploader.faults() == ()
    line.mend(10**9)
    uploader.turn()
    assert waiting() == []
    whole = station.folder / "evidence/phuong-thu/cho" / held.paths[Role.BLURRED].name
    assert whole.read_bytes() == held.paths[Role.BLURRED].read_bytes()
    assert len(station.shelf.ledger.files()) == len(sent) == 1
    uploader.stop()
    line.close()
