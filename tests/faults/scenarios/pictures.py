"""Pictures on a line that is much too narrow for them, where presses do not stand behind them; or is cut."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import socket
import uuid
from statistics import median

from edge.evidence.record import Role
from edge.evidence.requests import Request, Requests, Task
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from sync.clock import SystemClock
from sync.message import MessageClass
from sync.station.archive import look
from sync.station.ledger import LEDGER_FILE, Ledger
from sync.station.tokens import Tokens
from tests.edge.evidence.street import draft, files
from tests.faults.harness import line
from tests.faults.harness.ledger import RECEIVED
from tests.faults.harness.node import COMMUNE, NAME
from tests.faults.harness.others import Others
from tests.faults.harness.parts import wait_until
from tests.faults.harness.world import World, local
from tests.faults.scenarios import scenario

KBIT = 128
CUT_BYTES = 130_000
"""What a cut may cost: two drops that were on their way, what the kernel repeats, some handshakes."""
THUMBNAIL_BYTES = 41_000
"""30 KB of JPEG in base64."""
CLIP_BYTES = 3_000_000
WORST_S = 4.5
"""The thumbnail that is leaving (2.7 s), what the clip has on the way (0.5 s), the press, and its receipt."""

INTAKE = """
[intake]
enabled = true
host = "{host}"
port = {port}
cert_file = "{cert}"
key_file = "{key}"

[evidence]
min_free_mb = 0
"""
MORE = """
[camera]
source = "file:street.avi"

[intake]
url = "https://{host}:{port}/v1/messages"
token_file = "{token}"
ca_file = "{ca}"
"""
BRISK = """timeout_s = 3.0

[upload]
max_kbit = 4000
"""
"""The rest of the node's [intake]: a cut is noticed soon, and some seconds are enough for a clip."""


def _watched(world, pace=""):
    """A node with a camera at the far end of a line, and a station that takes its files."""
    way = world.enter(line.Line(world.disk))
    with contextlib.closing(socket.create_server((way.here, 0))) as free:
        port = free.getsockname()[1]
    broker = world.broker(way.listener)
    intake = INTAKE.format(host=way.here, port=port, cert=way.cert_file, key=way.key_file)
    station = world.commune([local(broker.port)], start=False, more=intake)
    token = world.run / "token"
    token.touch(mode=0o600)
    token.write_text(Tokens(station.archive.parent / "tokens").issue(f"{COMMUNE}/{NAME}"))
    station.start()
    more = MORE.format(host=way.here, port=port, token=token, ca=way.ca_file)
    world.node.process.wrapper = way.wrapper
    world.node.configure([way.broker()], more=more + pace)
    return way


def _asked_for(world):
    """A clip on the node that somebody wants."""
    folder = world.node.data / "evidence"
    store = Store(folder, EvidenceSettings(), clock=SystemClock(), node=f"{COMMUNE}/{NAME}")
    clip = draft(5)
    store.keep(clip, {Role.BLURRED: files(5, CLIP_BYTES)[Role.BLURRED]})
    wanted = Request(id=uuid.uuid4(), task=Task.SEND, by="duty", incident=clip.incident)
    Requests(folder).add(wanted)
    return clip.incident


@scenario("pictures-narrow", "presses", short=5, long=100, needs=line.missing_narrow, alone=True)
def pictures_narrow(seed, amount, say=None):
    """128 kbit/s, thumbnails without an end and a clip that was asked for: a press waits for one at most."""
    with World("pictures-narrow", seed, say=say) as world:
        way = _watched(world)
        _asked_for(world)
        others = world.enter(Others(world.node.data, world.run))
        world.node.start()
        world.warm_up()
        way.narrow(KBIT)
        others.put(5 * amount, cls=MessageClass.EVIDENCE, size=THUMBNAIL_BYTES)
        took_s = []
        for _ in range(amount):
            world.rest(1.0, 3.0)
            press = world.finger.press()
            lit_ns = wait_until(
                lambda at=press.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt", timeout_s=60.0
            )
            took_s.append((lit_ns - press.at_ns) / 1e9)
        left = others.depth()
        come = sum(part.stat().st_size for part in world.station.archive.parent.rglob(".*.part"))
        world.node.kill()
        verdict = world.verdict()
        verdict.say("received after", ", ".join(f"{one:.1f} s" for one in took_s))
        verdict.say("received after (median, worst)", f"{median(took_s):.1f} s, {max(took_s):.1f} s")
        verdict.say("thumbnails left", left)
        verdict.say("bytes of the clip that came", come)
        verdict.demand(left and come, "There was nothing on the line that a press might have stood behind.")
        verdict.demand(max(took_s) < WORST_S, "A press stood behind more than one picture.")
        verdict.demand(median(took_s) < WORST_S * 2 / 3, "Presses stand behind pictures.")
        return verdict


@scenario("pictures-cut", "cuts", short=4, long=40, needs=line.missing)
def pictures_cut(seed, amount, say=None):
    """The line is unplugged, mute, reset in the middle of a clip, again and again: it arrives once, whole."""
    with World("pictures-cut", seed, say=say) as world:
        way = _watched(world, BRISK)
        incident = _asked_for(world)
        home = world.station.archive.parent / "evidence" / COMMUNE / NAME
        whole, part = home / f"{incident}.mp4", home / f".{incident}.mp4.part"
        cuts, come = itertools.cycle((way.unplug, way.swallow, way.break_off)), [0]
        world.node.start()
        world.warm_up()
        for number in range(amount):
            more = come[-1] + (CLIP_BYTES - come[-1]) // (amount - number + 2)
            wait_until(lambda more=more: part.exists() and part.stat().st_size > more, "More", timeout_s=300)
            next(cuts)()
            world.rest(0.5, 4.0)
            come.append(part.stat().st_size)
            way.plug()
            way.whole()
        wait_until(whole.exists, "The clip", timeout_s=300)
        requests = Requests(world.node.data / "evidence")
        wait_until(lambda: not requests.waiting(Task.SEND), "The word of it", timeout_s=60)
        carried = way.carried_bytes()
        world.settle()
        verdict = world.verdict()
        sent = (world.node.data / "evidence" / whole.name).read_bytes()
        told = [
            row for row in look(world.station.archive, limit=1000) if row.topic.endswith("/evidence/clip")
        ]
        verdict.say("bytes there at each cut", ", ".join(map(str, come[1:])))
        verdict.say("bytes of the clip, and carried over the line", f"{CLIP_BYTES}, {carried}")
        verdict.demand(come == sorted(come), "What had come was lost.")
        verdict.demand(come[-1] < CLIP_BYTES, "The last cut came after the clip.")
        most = 1.2 * CLIP_BYTES + amount * CUT_BYTES
        verdict.demand(carried < most, "More was sent again than what was on its way at a cut.")
        verdict.demand(whole.read_bytes() == sent, "What arrived is not what was sent.")
        verdict.demand(not part.exists(), "Half of it is left.")
        arrived = Ledger(home.parent.parent / LEDGER_FILE).files()
        digest = hashlib.sha256(sent).hexdigest()
        verdict.demand([entry.sha256 for entry in arrived] == [digest], "The ledger has not this one file.")
        said = [json.loads(row.payload)["data"]["files"][0]["sha256"] for row in told]
        verdict.demand(said == [digest], f"It was announced {len(said)} times.")
        return verdict
