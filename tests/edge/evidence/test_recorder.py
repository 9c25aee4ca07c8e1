"""The whole way of a picture: filmed, found, covered, kept and told, with real video and real sealing."""

import base64
import io
import json
import threading
import time
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from edge.describe.samples import rendered
from edge.errors import EvidenceStuck
from edge.evidence.notices import FAULTS, changes
from edge.evidence.record import Role, sha256
from edge.evidence.recorder import Eyes, Recorder
from edge.evidence.store import Store
from edge.evidence.verify import verify
from edge.evidenceevents import ClipNotice, Thumbnail
from edge.incidents import Incidents, Phase
from models.detection import Box, Detection
from sensors.camera import Frame
from sensors.ring import LEAD_NS
from sync.envelope import MAX_PAYLOAD_BYTES, open_envelope
from sync.errors import OutboxFull
from sync.message import Message, MessageClass
from tests.edge.evidence.street import (
    INCIDENT,
    SITE,
    START_NS,
    Walker,
    finding,
    frame,
    likeness,
    ns,
    part,
    pictures,
    scene,
)

SUBJECT, OTHER = Walker(1, 0.1, 0.02), Walker(2, 0.5, 0.01)
MESSAGE = UUID(int=42)
RATE = 10


class Gate:
    """A recorder with a street before it, played as fast as it can be filmed."""

    def __init__(self, settings, store, clock, look_every_s=2.0):
        self.now_ns = START_NS
        self.messages: list[Message] = []
        self.uploads: list[UUID] = []
        self.refuse = False
        self.recorder = Recorder(
            settings, store=store, put=self.put, site=SITE, clock=clock, clock_ns=lambda: self.now_ns,
            eyes=Eyes(
                camera="gate-camera", rate_fps=RATE, look_every_s=look_every_s, model="ssd",
                model_sha256="cd" * 32,
            ),
            on_clip=self.uploads.append,
        )  # fmt: skip

    def put(self, message):
        if self.refuse:
            raise OutboxFull("The outbox has no room.")
        self.messages.append(message)

    def play(self, begin_s, end_s, *walkers, look_every=3):
        """Film a stretch of time; look at every third frame."""
        for number in range(round(begin_s * RATE), round(end_s * RATE)):
            at_s = number / RATE
            self.now_ns = ns(at_s)
            self.recorder.on_frame(frame(at_s, *walkers))
            if number % look_every == 0:
                self.look(at_s, *walkers)
            self.recorder.tick(self.now_ns)
            wait_for(lambda: self.recorder._ring is None or not self.recorder._ring._waiting)

    def look(self, at_s, *walkers):
        self.recorder.on_look(
            ns(at_s), [w.detection(at_s) for w in walkers], [w.tracked(at_s) for w in walkers]
        )

    def find(self, at_s, *walkers, message=MESSAGE, **more):
        """The first of the walkers is what the alert is about."""
        self.look(at_s, *walkers)
        self.recorder.on_finding(
            finding(walkers[0].tracked(at_s), at_s, **more), message, frame(at_s, *walkers)
        )

    def told(self, kind):
        return [entry for entry in self.messages if entry.topic.endswith(f"/evidence/{kind}")]

    def faults(self):
        return {fault.code: fault.text for fault in self.recorder.faults()}


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def key():
    pyrage = pytest.importorskip("pyrage", reason="seals originals; not on 32-bit ARM")
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def make_gate(make_store, clock, roomy):
    made = []

    def make(settings=roomy, *, started=True, **more):
        made.append(Gate(settings, make_store(settings), clock, **more))
        if started:
            made[-1].recorder.start()
        return made[-1]

    yield make
    for gate in made:
        gate.recorder.close()


def test_an_incident_becomes_a_thumbnail_and_a_clip(make_gate, make_store, roomy, key):
    """From five seconds before the alert until ten after it; both files, a notice, a whole chain."""
    gate = make_gate(replace(roomy, recipients=(str(key.to_public()),)))
    gate.play(0, 8, SUBJECT, OTHER)
    gate.find(8.0, SUBJECT, OTHER)
    gate.play(8, 22, SUBJECT, OTHER)
    gate.recorder.close()
    (shot,), (clip,) = gate.told("thumbnail"), gate.told("clip")
    assert Thumbnail.from_data(shot.data).message == MESSAGE
    held = make_store().find(INCIDENT)
    notice = ClipNotice.from_data(clip.data)
    assert (notice.incident, notice.sidecar_sha256, notice.number) == (INCIDENT, held.sha256, 1)
    assert {entry.sha256 for entry in notice.files} == {
        sha256(path.read_bytes()) for path in held.paths.values()
    }
    record = held.record
    assert (record.rule, record.zone, record.alerts, record.camera) == (
        "intrusion in yard", "yard", (MESSAGE,), "gate-camera"
    )  # fmt: skip
    assert (record.pictures, record.model_sha256) == (151, "cd" * 32)
    assert verify(held.paths[Role.BLURRED].parent).problems == ()
    film = pictures(held.paths[Role.BLURRED].read_bytes())
    assert len(film) == 151
    assert film[-1][0] == pytest.approx(15.0, abs=0.01)
    assert gate.faults() == {}


def test_the_others_cannot_be_made_out_and_the_original_can(make_gate, make_store, roomy, key):
    """In every picture: the other one and the head are unlike what was filmed; sealed, they are like it."""
    pyrage = pytest.importorskip("pyrage")
    gate = make_gate(replace(roomy, recipients=(str(key.to_public()),)))
    gate.play(0, 8, SUBJECT, OTHER)
    gate.find(8.0, SUBJECT, OTHER)
    gate.play(8, 22, SUBJECT, OTHER)
    gate.recorder.close()
    held = make_store().find(INCIDENT)
    blurred = pictures(held.paths[Role.BLURRED].read_bytes())
    original = pictures(pyrage.decrypt(held.paths[Role.ORIGINAL].read_bytes(), [key]))
    for (at_s, hidden), (_, plain) in zip(blurred, original, strict=True):
        street_s = 3 + at_s
        truth, other, box = scene(street_s, SUBJECT, OTHER), OTHER.box(street_s), SUBJECT.box(street_s)
        head = Box(y0=box.y0, x0=box.x0, y1=box.y0 + 0.25 * box.height, x1=box.x1)
        body = Box(y0=box.y0 + 0.5 * box.height, x0=box.x0, y1=box.y1, x1=box.x1)
        for where in (other, head):
            assert likeness(part(hidden, where), part(truth, where)) < 0.35
            assert likeness(part(plain, where), part(truth, where)) > 0.6
        assert likeness(part(hidden, body), part(truth, body)) > 0.5


def test_the_thumbnail_comes_at_once_and_fits(make_gate):
    """Long before the clip is complete; a JPEG of at most 30 KB, the message under what any hop takes."""
    gate = make_gate()
    gate.play(0, 2, SUBJECT, OTHER)
    gate.find(2.0, SUBJECT, OTHER)
    wait_for(lambda: gate.messages)
    (message,) = gate.messages
    thumbnail = Thumbnail.from_data(message.data)
    jpeg = base64.b64decode(thumbnail.image)
    assert (len(jpeg) <= 30_000, sha256(jpeg)) == (True, thumbnail.sha256)
    assert len(json.dumps(message.data).encode()) < 45_000
    assert (message.cls, message.topic) == (MessageClass.EVIDENCE, f"{SITE.base_topic}/evidence/thumbnail")
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.width, image.height) == (thumbnail.width, thumbnail.height) == (320, 240)
        shown = np.asarray(image.convert("RGB"))
    other = OTHER.box(2.0)
    assert likeness(part(shown, other), part(scene(2.0, OTHER), other)) < 0.35


def test_a_noisy_picture_still_makes_a_thumbnail_that_fits(make_gate):
    """A dark street in the rain is nearly noise."""
    gate = make_gate()
    noise = np.random.default_rng(3).integers(0, 255, (480, 640, 3), np.uint8)
    dark = Frame(image=noise, luma=noise[..., 0], captured_ns=ns(1), sequence=1)
    gate.recorder.on_finding(finding(SUBJECT.tracked(1), 1), MESSAGE, dark)
    wait_for(lambda: gate.messages)
    assert len(base64.b64decode(gate.messages[0].data["image"])) <= 30_000


def test_without_a_key_no_original_is_kept_and_nothing_open_touches_the_disk(make_gate, make_store):
    """The folder holds the blurred film and the sidecar, never a picture that shows anybody."""
    gate = make_gate()
    gate.play(0, 2, SUBJECT, OTHER)
    gate.find(2.0, SUBJECT, OTHER)
    gate.play(2, 15, SUBJECT, OTHER)
    gate.recorder.close()
    held = make_store().find(INCIDENT)
    assert list(held.paths) == [Role.BLURRED]
    assert {path.suffix for path in held.paths[Role.BLURRED].parent.iterdir()} == {".mp4", ".json", ""}


def test_where_originals_cannot_be_sealed_the_clip_is_kept_and_a_fault_told(make_gate, make_store, roomy):
    """A key with a slip: seen at the start, before any incident; the blurred clip is there all the same."""
    gate = make_gate(replace(roomy, recipients=("age1nonsense",)))
    wait_for(lambda: "seal" in gate.faults())
    gate.play(0, 2, SUBJECT)
    gate.find(2.0, SUBJECT)
    gate.play(2, 15, SUBJECT)
    gate.recorder.close()
    assert list(make_store().find(INCIDENT).paths) == [Role.BLURRED]
    assert "seal" in gate.faults()


def test_a_long_incident_is_cut(make_gate, make_store, roomy):
    """Updates lengthen the clip, but never beyond the longest one; there is one clip and one thumbnail."""
    gate = make_gate(replace(roomy, max_s=12.0, post_roll_s=3.0))
    gate.play(0, 6, SUBJECT)
    gate.find(6.0, SUBJECT)
    for at_s in (8.0, 10.0, 12.0, 14.0):
        gate.play(at_s - 2, at_s, SUBJECT)
        gate.find(at_s, SUBJECT, message=UUID(int=round(at_s)), phase=Phase.CONTINUES)
    gate.play(14, 16, SUBJECT)
    gate.find(16.0, SUBJECT, phase=Phase.ENDED)
    gate.recorder.close()
    record = make_store().find(INCIDENT).record
    assert record.pictures == 12 * RATE + 1
    assert record.alerts[:3] == (MESSAGE, UUID(int=8), UUID(int=10))
    assert (len(gate.told("thumbnail")), len(gate.told("clip"))) == (1, 1)


def test_an_end_alone_makes_nothing(make_gate, make_store):
    """An incident that a former run raised and this one ends has no pictures here."""
    gate = make_gate()
    gate.find(1.0, SUBJECT, phase=Phase.ENDED)
    gate.recorder.close()
    assert (gate.messages, make_store().held()) == ([], [])


def test_an_incident_that_goes_on_after_a_restart_keeps_its_first_clip(make_gate, make_store):
    """The run before kept one under this id; it is neither replaced nor a fault."""
    for _ in range(2):
        gate = make_gate()
        gate.play(0, 2, SUBJECT)
        gate.find(2.0, SUBJECT, phase=Phase.CONTINUES)
        gate.recorder.close()
        assert gate.faults() == {}
    assert len(gate.told("clip")) == 0
    assert len(make_store().held()) == 1


def test_what_a_killed_run_left_open_is_filmed_when_it_is_seen_again(make_gate, make_store):
    """No word of it may come for long: it has a clip all the same, one, and neither thumbnail nor alert."""
    gate = make_gate()
    gate.play(0, 2, SUBJECT)
    for _ in range(2):
        gate.recorder.resume(finding(SUBJECT.tracked(2.0), 2.0, phase=Phase.CONTINUES))
    gate.recorder.close()
    (held,) = make_store().held()
    assert (held.record.incident, held.record.alerts) == (INCIDENT, ())
    assert (len(gate.told("thumbnail")), len(gate.told("clip"))) == (0, 1)


def test_a_rule_that_says_so_has_its_clip_uploaded(make_gate):
    """The uploader is told once the clip is there, and the notice says that it will come."""
    gate = make_gate()
    gate.play(0, 1, SUBJECT)
    gate.find(1.0, SUBJECT, upload=True)
    gate.recorder.close()
    assert gate.uploads == [INCIDENT]
    assert gate.told("clip")[0].data["upload"] is True


def test_what_is_open_is_kept_when_the_node_stops(make_gate, make_store):
    """A stop three seconds after the alert gives a clip of what there is."""
    gate = make_gate()
    gate.play(0, 4, SUBJECT)
    gate.find(4.0, SUBJECT)
    gate.play(4, 7, SUBJECT)
    gate.recorder.close()
    assert make_store().find(INCIDENT).record.pictures == 70


def test_times_are_those_of_the_pictures(make_gate, make_store, clock):
    """The sidecar gives the first and the last picture's time, not the time of writing."""
    gate = make_gate()
    gate.play(0, 6, SUBJECT)
    gate.find(6.0, SUBJECT)
    gate.play(6, 10, SUBJECT)
    clock.advance(3.0)
    gate.now_ns += 3 * 10**9
    gate.recorder.close()
    record = make_store().find(INCIDENT).record
    assert (record.begins, record.ends) == ("2025-12-31T23:59:51.100Z", "2026-01-01T00:00:00.000Z")
    assert record.boot_id == clock.boot_id


def test_a_node_without_clips_sends_the_thumbnail_alone(make_gate, make_store, roomy):
    """Nothing is filmed, nothing is kept, the picture goes out."""
    gate = make_gate(replace(roomy, clips=False))
    assert gate.recorder._ring is None
    gate.play(0, 2, SUBJECT)
    gate.find(2.0, SUBJECT)
    gate.recorder.close()
    assert len(gate.messages) == 1
    assert not make_store().directory.exists()


def test_a_node_that_keeps_nothing_does_nothing(make_gate, roomy):
    """With enabled = false nothing is filmed, kept or told."""
    gate = make_gate(replace(roomy, enabled=False))
    gate.play(0, 1, SUBJECT)
    gate.find(1.0, SUBJECT)
    assert gate.recorder.making_since_ns() is None
    gate.recorder.close()
    assert (gate.messages, gate.faults()) == ([], {})


def test_what_was_kept_before_pictures_were_switched_off_goes_in_its_time(
    make_gate, make_store, roomy, monkeypatch
):
    """Whoever switches pictures off does not want the old ones to stay for ever."""
    make_store().directory.mkdir(parents=True, exist_ok=True)
    expired = threading.Event()

    def expire(_store):
        expired.set()
        return ()

    monkeypatch.setattr(Store, "expire", expire)
    gate = make_gate(replace(roomy, enabled=False))
    gate.recorder.tick(ns(1))
    assert expired.wait(5)
    gate.recorder.close()


def test_without_room_the_thumbnail_still_goes_out_and_the_fault_ends_with_the_next_clip(
    make_gate, make_store, roomy, monkeypatch
):
    """Evidence is full: a fault, the picture all the same; when there is room again the fault is over."""
    gate = make_gate()
    gate.play(0, 2, SUBJECT)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "room_bytes", lambda _self: 0)
        gate.find(2.0, SUBJECT)
        gate.play(2, 15, SUBJECT)
        wait_for(gate.faults)
    assert list(gate.faults()) == ["full"]
    assert "free disk space" in gate.faults()["full"]
    assert [len(gate.told(kind)) for kind in ("thumbnail", "clip")] == [1, 0]
    gate.find(15.0, SUBJECT, incident=UUID(int=8))
    gate.play(15, 28, SUBJECT)
    gate.recorder.close()
    assert gate.faults() == {}
    assert [held.record.incident.int for held in make_store().held()] == [8]


def test_a_disk_that_refuses_is_a_fault(make_gate, monkeypatch):
    """Whatever the disk says becomes a sentence; the recorder goes on."""
    gate = make_gate()
    gate.play(0, 1, SUBJECT)
    with monkeypatch.context() as patch:

        def refuse(_fd):
            raise OSError(5, "Input/output error")

        patch.setattr("edge.evidence.folder.os.fsync", refuse)
        gate.find(1.0, SUBJECT)
        gate.recorder.close()
    assert "Input/output error" in gate.faults()["disk"]
    assert len(gate.told("thumbnail")) == 1


def test_a_disk_that_is_well_again_ends_its_fault_without_an_incident(make_gate, make_store, monkeypatch):
    """Now and then the disk is tried; the fault goes when it takes something, and nothing is left of it."""
    gate = make_gate()
    make_store().probe()
    gate.recorder._darkroom._say("disk", "It refused.")
    gate.recorder._darkroom._say("full", "There was no room.")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "room_bytes", lambda _self: 10**9)
        gate.recorder.tick(ns(1))
        wait_for(lambda: not gate.faults())
    assert not list(make_store().directory.glob("*probe*"))


def test_an_outbox_that_takes_nothing_is_a_fault_until_it_does(make_gate):
    """The outbox refuses pictures first; that is said, and forgotten once it takes them again."""
    gate = make_gate()
    gate.refuse = True
    gate.find(1.0, SUBJECT)
    wait_for(lambda: "outbox" in gate.faults())
    gate.refuse = False
    gate.find(2.0, SUBJECT, incident=UUID(int=8))
    wait_for(lambda: not gate.faults())
    assert len(gate.told("thumbnail")) == 1


def test_a_time_that_was_not_filmed_is_a_fault(make_gate):
    """The camera gave nothing around the alert: no clip, and it is said why."""
    gate = make_gate()
    gate.find(1.0, SUBJECT)
    gate.recorder.tick(ns(60))
    wait_for(lambda: "clip" in gate.faults())
    assert "no film" in gate.faults()["clip"]


def test_what_clips_to_come_may_show_is_known(make_gate, make_store, roomy):
    """Without an incident that is what the next one's clip begins with; with one, its own beginning."""
    gate = make_gate()
    gate.play(0, 1, SUBJECT)
    assert ns(1) - 15 * 10**9 < gate.recorder.making_since_ns() < ns(0.9) - roomy.pre_roll_s * 10**9
    gate.find(1.0, SUBJECT)
    gate.play(1, 13, SUBJECT)
    assert gate.recorder.making_since_ns() == ns(1) - roomy.pre_roll_s * 10**9 - LEAD_NS
    gate.play(13, 15, SUBJECT)
    wait_for(lambda: gate.recorder.making_since_ns() > ns(1) - roomy.pre_roll_s * 10**9)
    assert make_store().find(INCIDENT) is not None


def test_a_node_without_a_camera_only_deletes(make_gate, roomy):
    """No thread that films, no word about keys that nobody needs, nothing that a deletion had to wait for."""
    gate = make_gate(replace(roomy, recipients=("age1nonsense",)), started=False)
    before = threading.active_count()
    gate.recorder.start(films=False)
    assert threading.active_count() == before + 1
    assert gate.recorder.making_since_ns() is None
    gate.recorder.close()
    assert gate.faults() == {}


def test_a_camera_that_changes_its_size_in_the_middle_gives_one_clip(make_gate, make_store, roomy, key):
    """Both files play from the first picture to the last, in the size that they began with."""
    pyrage = pytest.importorskip("pyrage")
    gate = make_gate(replace(roomy, recipients=(str(key.to_public()),)))
    gate.play(0, 3, SUBJECT, OTHER)
    gate.find(3.0, SUBJECT, OTHER)
    for number in range(30, 60):
        large = scene(number / RATE, SUBJECT, OTHER).repeat(2, axis=0).repeat(2, axis=1)
        gate.now_ns = ns(number / RATE)
        gate.recorder.on_frame(
            Frame(image=large, luma=large[..., 1], captured_ns=gate.now_ns, sequence=number)
        )
        gate.look(number / RATE, SUBJECT, OTHER)
        wait_for(lambda: not gate.recorder._ring._waiting)
    gate.recorder.close()
    held = make_store().find(INCIDENT)
    blurred = pictures(held.paths[Role.BLURRED].read_bytes())
    original = pictures(pyrage.decrypt(held.paths[Role.ORIGINAL].read_bytes(), [key]))
    assert {image.shape for _, image in (*blurred, *original)} == {(240, 320, 3)}
    assert len(blurred) == len(original) == 60
    for at_s, image in blurred:
        other = OTHER.box(at_s)
        assert likeness(part(image, other), part(scene(at_s, OTHER), other)) < 0.35


def test_the_largest_thumbnail_passes_every_hop(make_gate):
    """As it travels it is far below what the station takes in one message, and reads back as it was."""
    gate = make_gate()
    noise = np.random.default_rng(4).integers(0, 255, (480, 640, 3), np.uint8)
    gate.recorder.on_finding(
        finding(SUBJECT.tracked(1), 1), MESSAGE,
        Frame(image=noise, luma=noise[..., 0], captured_ns=ns(1), sequence=1),
    )  # fmt: skip
    wait_for(lambda: gate.messages)
    thumbnail = Thumbnail.from_data(gate.messages[0].data)
    payload = json.dumps(rendered(thumbnail)).encode()
    assert 20_000 < len(payload) < MAX_PAYLOAD_BYTES * 0.7
    envelope, data = open_envelope(payload)
    assert envelope.type == "vn.tuquan.evidence.thumbnail"
    assert Thumbnail.from_data(data) == thumbnail


def test_a_flood_of_incidents_is_bounded(make_gate, roomy):
    """A hundred alerts at once: as many pictures as can wait, and a fault that says so."""
    gate = make_gate(started=False)
    for number in range(100):
        gate.find(1.0, SUBJECT, incident=UUID(int=100 + number))
    assert len(gate.recorder._darkroom._shots) == 8
    gate.recorder.tick(ns(60))
    assert len(gate.recorder._darkroom._cuts) == 4
    assert "behind" in gate.faults()


def test_a_slip_of_the_software_is_a_fault_and_the_next_incident_is_kept(make_gate, monkeypatch, make_store):
    """Whatever is raised, the thread goes on."""
    gate = make_gate()
    with monkeypatch.context() as patch:
        patch.setattr("edge.evidence.darkroom.shoot", lambda *_, **__: 1 / 0)
        gate.play(0, 1, SUBJECT)
        gate.find(1.0, SUBJECT)
        wait_for(gate.faults)
    assert "ZeroDivisionError" in gate.faults()["clip"]
    gate.recorder.close()
    assert make_store().find(INCIDENT) is not None


def test_a_thread_that_hangs_is_told_at_the_end(make_gate, monkeypatch):
    """A disk that stands still does not keep the process from ending."""
    gate, hang = make_gate(), threading.Event()
    monkeypatch.setattr(Store, "keep", lambda *_: hang.wait(30))
    gate.play(0, 1, SUBJECT)
    gate.find(1.0, SUBJECT)
    with pytest.raises(EvidenceStuck, match="does not end in time"):
        gate.recorder.close(0.2)
    hang.set()


def test_old_clips_are_deleted_by_themselves(make_gate, make_store, clock):
    """The loop's tick is enough: what is too old goes without anybody asking."""
    gate = make_gate()
    gate.play(0, 1, SUBJECT)
    gate.find(1.0, SUBJECT)
    gate.play(1, 14, SUBJECT)
    wait_for(lambda: make_store().held())
    clock.advance(8 * 86_400)
    gate.recorder.tick(ns(120))
    wait_for(lambda: not make_store().held())


def test_looks_are_forgotten_in_time(make_gate):
    """A node that runs for months remembers who was where for less than a minute."""
    gate = make_gate(started=False)
    for at_s in range(600):
        gate.look(at_s, SUBJECT)
    assert len(gate.recorder._looks) < 60


def test_faults_become_incidents_once_and_end(make_gate):
    """A process tells them as its own: raised once, ended when they are gone."""
    gate, incidents = make_gate(started=False), Incidents()
    gate.recorder._darkroom._say("full", "No room.")
    (raised,) = changes(gate.recorder.faults(), incidents, at_ns=1)
    assert (raised.source, raised.device, raised.code, raised.detail) == (
        "evidence",
        "full",
        "full",
        "No room.",
    )
    assert changes(gate.recorder.faults(), incidents, at_ns=2) == []
    gate.recorder._darkroom._say("full", "")
    assert changes(gate.recorder.faults(), incidents, at_ns=3) == []
    (ended,) = incidents.tick(10**11)
    assert (ended.code, ended.phase) == ("full", Phase.ENDED)
    assert set(FAULTS) >= {"full", "film", "seal"}


@pytest.mark.parametrize("gap_s", [6.0, 60.0])
@pytest.mark.parametrize("seen_s", ["before", "after"])
def test_whoever_only_a_far_look_saw_is_covered_in_the_whole_clip(make_gate, make_store, gap_s, seen_s):
    """The last look before the clip, or the first one after it, may be the only one that saw a bystander."""
    gate, standing = make_gate(look_every_s=gap_s), Walker(2, 0.5, 0.0)
    begin_s = gap_s - 2
    gate.look(0.0, SUBJECT if seen_s == "after" else standing)
    window = Box(y0=0, x0=0, y1=1, x1=0.5)
    for number in range(round(begin_s * RATE), round((begin_s + 4) * RATE)):
        at_s = number / RATE
        gate.now_ns = ns(at_s)
        gate.recorder.on_frame(frame(at_s, standing))
        gate.recorder.on_look(gate.now_ns, [], [], window)
        wait_for(lambda: not gate.recorder._ring._waiting)
    track = replace(SUBJECT.tracked(0), seen_ns=gate.now_ns)
    found = replace(finding(track, 0), at_ns=gate.now_ns)
    gate.recorder.on_finding(found, MESSAGE, frame(at_s, standing))
    for late_s in np.arange(at_s, at_s + 10 + gap_s, 0.5):
        gate.recorder.on_look(ns(late_s), [], [], window)
        gate.recorder.tick(ns(late_s))
    gate.look(at_s + 10 + gap_s, standing if seen_s == "after" else SUBJECT)
    gate.recorder.tick(ns(at_s + 13 + gap_s))
    gate.recorder.close()
    film = pictures(make_store().find(INCIDENT).paths[Role.BLURRED].read_bytes())
    assert len(film) > 30
    for street_s, image in film:
        other = standing.box(0)
        assert likeness(part(image, other), part(scene(street_s, standing), other)) < 0.35


def test_a_faint_detection_is_covered_in_the_clip(make_gate, make_store):
    """Somebody whom the detector is hardly sure of, and whom no track follows, is covered too."""
    gate = make_gate()
    for number in range(40):
        at_s = number / RATE
        gate.now_ns = ns(at_s)
        gate.recorder.on_frame(frame(at_s, SUBJECT, OTHER))
        faint = Detection(label="person", score=0.21, box=OTHER.box(at_s))
        gate.recorder.on_look(ns(at_s), [SUBJECT.detection(at_s), faint], [SUBJECT.tracked(at_s)])
        wait_for(lambda: not gate.recorder._ring._waiting)
    gate.recorder.on_finding(finding(SUBJECT.tracked(3.9), 3.9), MESSAGE, frame(3.9, SUBJECT, OTHER))
    gate.recorder.close()
    for at_s, image in pictures(make_store().find(INCIDENT).paths[Role.BLURRED].read_bytes()):
        other = OTHER.box(at_s)
        assert likeness(part(image, other), part(scene(at_s, OTHER), other)) < 0.35
