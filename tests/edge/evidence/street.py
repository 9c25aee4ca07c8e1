"""A street for evidence: people of noise who walk, and what is written of them."""

import io
from dataclasses import dataclass, field
from uuid import UUID

import av
import numpy as np
from numpy.typing import NDArray

from edge.events import AlertKind, Area
from edge.evidence.record import FIRST, ClipRecord, Role
from edge.incidents import Phase
from edge.messages import Site
from edge.rules.finding import Finding
from models.detection import Box, Detection
from models.track import Track
from sensors.camera import Frame
from sync.clock import ClockQuality

START_NS = 1_000_000_000_000
WIDTH, HEIGHT = 320, 240


@dataclass
class Walker:
    """Somebody with a texture of their own, who walks from left to right."""

    track: int
    left: float
    speed: float
    top: float = 0.3
    texture: NDArray[np.uint8] = field(init=False)

    def __post_init__(self):
        noise = np.random.default_rng(self.track)
        self.texture = noise.integers(0, 255, (96, 40, 3), np.uint8)

    def box(self, at_s):
        left = self.left + self.speed * at_s
        return Box(y0=self.top, x0=left, y1=self.top + 96 / HEIGHT, x1=left + 40 / WIDTH)

    def detection(self, at_s, score=0.8):
        return Detection(label="person", score=score, box=self.box(at_s))

    def tracked(self, at_s):
        return Track(
            id=self.track, label="person", score=0.8, box=self.box(at_s), first_ns=START_NS,
            seen_ns=ns(at_s), looks=5, confirmed=True,
        )  # fmt: skip


def ns(at_s):
    return START_NS + round(at_s * 1e9)


def scene(at_s, *walkers):
    """The street at a moment: a soft grey ramp, and whoever walks there."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[..., 2] = np.linspace(60, 130, WIDTH, dtype=np.uint8)
    image[:16, -16:] = 40 + 80 * (round(at_s * 10) % 2)  # a lamp that blinks: no frame is like the one before
    for walker in walkers:
        left, top, *_ = walker.box(at_s).pixels(WIDTH, HEIGHT)
        if 0 <= left <= WIDTH - 40:
            image[top : top + 96, left : left + 40] = walker.texture
    return image


def frame(at_s, *walkers):
    image = scene(at_s, *walkers)
    image.setflags(write=False)
    return Frame(image=image, luma=image[..., 1], captured_ns=ns(at_s), sequence=round(at_s * 10))


INCIDENT = UUID(int=7)


def finding(track, at_s, *, incident=INCIDENT, phase=Phase.RAISED, upload=False, kind=AlertKind.INTRUSION):
    return Finding(
        rule="intrusion in yard", kind=kind, zone="yard", incident=incident, phase=phase, best=track,
        tracks=(track,), count=1, dwell_s=0.0, at_ns=ns(at_s), upload=upload,
    )  # fmt: skip


def pictures(content):
    """The pictures of an MP4 file with their times in seconds."""
    with av.open(io.BytesIO(content), "r") as container:
        return [(entry.time, entry.to_ndarray(format="rgb24")) for entry in container.decode(video=0)]


def part(image, box):
    """What is inside a box."""
    left, top, right, bottom = box.pixels(image.shape[1], image.shape[0])
    return image[top:bottom, left:right].astype(float)


def likeness(one, other):
    """Correlation of two pictures of one size: 1 the same, about 0 nothing in common."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


SITE = Site(commune="phuong-thu", node="cho", area=Area(place="Chợ Thử", latitude=10.0, longitude=106.0))


def draft(number, *, begins="2026-01-01T00:00:00.000Z", ends="2026-01-01T00:00:15.000Z", **changes):
    """What is known of a clip before it is kept."""
    facts = {
        "number": 1, "previous": FIRST, "node": "", "incident": UUID(int=number), "alerts": (UUID(int=99),),
        "kind": AlertKind.INTRUSION, "rule": "intrusion in yard", "zone": "yard", "camera": "gate-camera",
        "begins": begins, "ends": ends, "clock": ClockQuality.SYNCED, "boot_id": UUID(int=1), "begins_ms": 0,
        "pictures": 75, "model": "ssd", "model_sha256": "ab" * 32, "software": "0.1.0", "files": (),
    }  # fmt: skip
    return ClipRecord(**facts | changes)


def files(number, size=1000):
    """Two files that nobody else has."""
    noise = np.random.default_rng(number)
    return {role: noise.bytes(size) for role in Role}
