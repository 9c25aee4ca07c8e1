"""Pictures on a line that is much too narrow for them: presses do not stand behind them."""

from __future__ import annotations

import contextlib
import socket
import uuid
from statistics import median

from edge.evidence.record import Role
from edge.evidence.requests import Request, Requests, Task
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from sync.clock import SystemClock
from sync.message import MessageClass
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


def _watched(world):
    """A node with a camera at the far end of a narrow line, and a station that takes its files."""
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
    world.node.configure([way.broker()], more=more)
    return way


def _asked_for(world):
    """A clip on the node that somebody wants."""
    folder = world.node.data / "evidence"
    store = Store(folder, EvidenceSettings(), clock=SystemClock(), node=f"{COMMUNE}/{NAME}")
    clip = draft(5)
    store.keep(clip, {Role.BLURRED: files(5, CLIP_BYTES)[Role.BLURRED]})
    wanted = Request(id=uuid.uuid4(), task=Task.SEND, by="duty", incident=clip.incident)
    Requests(folder).add(wanted)


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
