"""A file reaches the station whole, however often the line, the station or the sender is cut, and slowly."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from typing import Any

import pytest
from uuid6 import uuid7

from sync.dial import Stopping
from sync.errors import UploadCut, UploadRefused
from sync.pictures import Meta, Role
from sync.settings import SecondPathSettings, UploadSettings
from sync.station.tokens import Tokens
from sync.upload import Upload

NODE = "ben-nghe/gate"
STATION = """
import sys, time
from pathlib import Path
from sync.clock import SystemClock
from sync.station.intake import Intake
from sync.station.settings import IntakeSettings, ShelfSettings
from sync.station.shelf import Shelf
from sync.station.uploads import Uploads
folder, port = Path(sys.argv[1]), int(sys.argv[2])
limits = ShelfSettings(min_free_mb=0)
uploads = Uploads(Shelf(folder / "evidence", limits, SystemClock()), limits)
Intake(IntakeSettings(enabled=True, port=port), lambda arrivals: [], token_file=folder / "tokens",
       by="/tuquan/ben-nghe/station", clock=SystemClock(), uploads=uploads).start()
print("listening", flush=True)
time.sleep(600)
"""
SENDER = """
import sys
from pathlib import Path
from uuid import UUID
from sync.pictures import Meta, Role
from sync.settings import SecondPathSettings, UploadSettings
from sync.upload import Upload
url, token, path, incident, sha256, rate = sys.argv[1:]
line = SecondPathSettings(url=url, token_file=Path(token), timeout_s=3.0)
upload = Upload(line, UploadSettings(max_kbit=8 * int(rate)))
upload.attempt(Path(path), Meta(incident=UUID(incident), role=Role.BLURRED, sha256=sha256))
"""


class Far:
    """A station in a process of its own, to be killed and started again."""

    def __init__(self, folder):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "token").write_text(Tokens(folder / "tokens").issue(NODE))
        (folder / "token").chmod(0o600)
        self.url = f"http://127.0.0.1:{self.port}/v1/messages"
        self.process: Any = None

    def start(self):
        command = [sys.executable, "-c", STATION, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"listening\n"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.process.stdout.close()

    def come(self, meta):
        """How many bytes have come; all of them once the file is in its place."""
        home = self.folder / "evidence" / NODE
        for path in (home / meta.name, home / f".{meta.name}.part"):
            with contextlib.suppress(FileNotFoundError):
                return path.stat().st_size
        return 0

    def line(self, **given):
        return SecondPathSettings(
            **({"url": self.url, "token_file": self.folder / "token", "timeout_s": 3.0} | given)
        )


@pytest.fixture
def far(tmp_path):
    station = Far(tmp_path)
    station.start()
    yield station
    station.kill()


def clip(folder, size, role=Role.BLURRED):
    """A file that nothing compresses, and what is said of it."""
    content = random.Random(size).randbytes(size)
    path = folder / "clip"
    path.write_bytes(content)
    incident = uuid.UUID(int=uuid7().int)
    return path, Meta(incident=incident, role=role, sha256=hashlib.sha256(content).hexdigest())


def sender(line, *, kb_s=100_000, **given):
    return Upload(line, UploadSettings(max_kbit=8 * kb_s), rng=random.Random(3), **given)


def bring(upload, path, meta):
    """Try as often as it takes, as whoever has a file to send does."""
    while True:
        try:
            return upload.attempt(path, meta)
        except UploadCut:
            upload.pause(0.1)


def arrived(station, meta):
    """Whether the file is in its place, byte for byte."""
    path = station.folder / "evidence" / NODE / meta.name
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == meta.sha256


@pytest.fixture
def by_tls(station, tmp_path, authority):
    """A line to the station in this process, by real TLS."""
    (tmp_path / "token").write_text(station.token)
    (tmp_path / "token").chmod(0o600)
    return SecondPathSettings(
        url=station.url, token_file=tmp_path / "token", ca_file=authority / "ca.pem", timeout_s=2.0
    )


def test_a_file_goes_by_tls_in_pieces_and_is_vouched_for(station, by_tls, tmp_path):
    """Both kinds, larger than one piece; sent again they cost one request."""
    for role in Role:
        path, meta = clip(tmp_path, 700_000 + len(role), role)
        upload = sender(by_tls)
        bring(upload, path, meta)
        assert arrived(station, meta)
        began = time.monotonic()
        bring(upload, path, meta)
        assert time.monotonic() - began < 2
        upload.close()
    assert len(station.shelf.ledger.files()) == 2


def test_a_station_that_is_killed_in_the_middle_gets_the_rest_when_it_is_back(far, tmp_path, until):
    """`kill -9` twice: what had arrived is not sent again, and the file is whole in the end."""
    path, meta = clip(tmp_path, 1_000_000)
    upload = sender(far.line(), kb_s=400)
    thread = threading.Thread(target=bring, args=(upload, path, meta))
    thread.start()
    for share in (200_000, 600_000):
        until(lambda share=share: far.come(meta) > share)
        far.kill()
        left = far.come(meta)
        time.sleep(0.3)  # the sender finds out for itself
        far.start()
        until(lambda left=left: far.come(meta) > left)
        assert far.come(meta) >= left
    thread.join(30)
    assert not thread.is_alive()
    assert arrived(far, meta)
    upload.close()


def test_a_sender_that_is_killed_goes_on_from_where_it_was(far, tmp_path, until):
    """`kill -9` of the node's process: the next one asks how far the file has come."""
    path, meta = clip(tmp_path, 600_000)
    command = [sys.executable, "-c", SENDER, far.url, str(far.folder / "token"), str(path)]
    command += [str(meta.incident), meta.sha256]
    first = subprocess.Popen([*command, "200"])
    until(lambda: far.come(meta) > 150_000, 20)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    left = far.come(meta)
    began = time.monotonic()
    subprocess.run([*command, "400"], check=True, timeout=30)
    assert arrived(far, meta)
    assert left > 150_000
    assert time.monotonic() - began < 10


def test_it_goes_no_faster_than_it_may(far, tmp_path):
    """300 KB at 200 KB/s: between 1.3 s and 2.5 s, so that a press has the rest of the line."""
    path, meta = clip(tmp_path, 300_000)
    upload = sender(far.line(), kb_s=200)
    began = time.monotonic()
    bring(upload, path, meta)
    assert 1.3 < time.monotonic() - began < 4
    assert arrived(far, meta)
    upload.close()


def test_it_stands_still_while_a_press_is_under_way(far, tmp_path, until):
    """Nothing moves as long as `hold` says so, and all of it afterwards."""
    path, meta = clip(tmp_path, 300_000)
    held = threading.Event()
    held.set()
    upload = sender(far.line(), hold=held.is_set)
    thread = threading.Thread(target=bring, args=(upload, path, meta))
    thread.start()
    time.sleep(0.6)
    assert not list((far.folder / "evidence").glob("*/*/.*.part"))
    held.clear()
    thread.join(10)
    assert arrived(far, meta)
    upload.close()


def test_it_stops_in_the_middle_of_a_piece_when_a_press_comes(far, tmp_path, until):
    """Two drops later nothing moves, for longer than a request may take, and then it goes on unhurried."""
    path, meta = clip(tmp_path, 400_000)
    held = threading.Event()
    upload = sender(far.line(timeout_s=2.0), kb_s=100, hold=held.is_set)
    thread = threading.Thread(target=bring, args=(upload, path, meta))
    thread.start()
    until(lambda: far.come(meta) > 60_000)
    held.set()
    time.sleep(0.3)
    stood = far.come(meta)
    time.sleep(2.5)
    assert far.come(meta) == stood < 120_000
    held.clear()
    until(lambda: far.come(meta) > stood)
    time.sleep(0.5)
    assert far.come(meta) - stood < 100_000  # what it might have sent meanwhile is not made up for
    thread.join(10)
    assert arrived(far, meta)
    upload.close()


def test_a_slow_line_is_given_two_drops_at_a_time(far, tmp_path, until, impostor):
    """However much may go: what nobody takes stays here, where it can be held back."""
    path, meta = clip(tmp_path, 400_000)

    def script(end, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.request(sock)
        end.answer(sock, "201 Created", b"", "Upload-Offset: 0")
        end.wait(3.0)  # takes nothing of the piece but what its system does

    upload = sender(far.line(url=impostor(script, tls=False).url, timeout_s=2.0), kb_s=1000)
    given: list[int] = []

    def try_it():
        with pytest.raises(Stopping):
            upload.attempt(path, meta)

    thread = threading.Thread(target=try_it)
    thread.start()
    time.sleep(0.2)
    for _ in range(100):
        given.append(upload._post.unconfirmed_bytes())
        time.sleep(0.01)
    upload.stop()
    thread.join(5)
    assert 0 < max(given) < 100_000
    upload.close()


@pytest.mark.parametrize("where", ["in a piece", "in a pause", "on a silent line"])
def test_a_stop_is_honoured_within_a_second(far, tmp_path, until, impostor, where):
    """Whatever it does at that moment."""
    path, meta = clip(tmp_path, 400_000)
    line, rate = far.line(), 10
    if where == "on a silent line":
        silent = impostor(lambda end, _sock: [None for _ in iter(end.wait, True)], tls=False)
        line = far.line(url=silent.url)
    elif where == "in a pause":
        far.kill()
    upload, ended = sender(line, kb_s=rate), []

    def run():
        with pytest.raises(Stopping):
            bring(upload, path, meta)
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.6)
    began = time.monotonic()
    upload.stop()
    thread.join(5)
    assert ended
    assert ended[0] - began < 1.0
    upload.close()
    if where == "in a pause":
        far.start()


def test_a_file_that_changed_on_the_way_is_refused_and_not_counted(far, tmp_path):
    """The station looks at what came; a wrong SHA-256 is said, not repeated for ever."""
    path, meta = clip(tmp_path, 50_000)
    with path.open("r+b") as file:
        file.write(b"changed")
    upload = sender(far.line())
    with pytest.raises(UploadRefused, match=r"422.*SHA-256"):
        bring(upload, path, meta)
    assert not arrived(far, meta)
    upload.close()


def test_what_cannot_work_now_says_why_in_one_sentence(far, tmp_path, impostor):
    """Nobody there, a wrong token, a web server of another kind, a redirect: later again, with the reason."""
    path, meta = clip(tmp_path, 10)
    (tmp_path / "wrong").write_text("tuquan_nonsense")
    (tmp_path / "wrong").chmod(0o600)

    def answers(*words):
        def script(end, sock):
            end.request(sock)
            end.answer(sock, *words)

        return impostor(script, tls=False).url

    cases = [
        (far.line(token_file=tmp_path / "wrong"), "401: This token"),
        (far.line(token_file=tmp_path / "none"), "does not exist"),
        (far.line(url=answers("200 OK", b"<html>")), "takes no pictures"),
        (far.line(url=answers("404 Not Found", b"")), "404"),
        (far.line(url=answers("301 Moved", b"", "Location: https://other.example/")), "other.example"),
        (far.line(url=answers("201 Created", b"", "Upload-Offset: minus one")), "takes no pictures"),
        (far.line(url="http://127.0.0.1:9/v1/messages"), "refused"),
    ]
    for line, words in cases:
        upload = sender(line)
        with pytest.raises(UploadCut, match=words):
            upload.attempt(path, meta)
        upload.close()


@pytest.mark.parametrize("offset", [0, 10, 5_000])
def test_a_station_that_says_the_impossible_is_not_asked_for_ever(far, tmp_path, impostor, offset):
    """An offset that never grows, or lies at or beyond the end: a few tries, then later."""
    path, meta = clip(tmp_path, 10)

    def script(end, sock):
        for status in ["201 Created", *["204 No Content"] * 50]:
            end.request(sock)
            end.answer(sock, status, b"", f"Upload-Offset: {offset}")

    end = impostor(script, tls=False)
    upload = sender(far.line(url=end.url))
    with pytest.raises(UploadCut, match=f"{offset} bytes"):
        upload.attempt(path, meta)
    assert len(end.requests) < 12
    upload.close()


def test_only_a_digest_of_this_file_counts_as_arrived(far, tmp_path, impostor):
    """Without a digest the station is asked on; one that vouches for another file is not believed."""
    path, meta = clip(tmp_path, 10)
    seen: list[tuple[str, ...]] = []

    def script(end, sock):
        for digest in ((), (f"Repr-Digest: {other.digest}",)):
            end.request(sock)
            seen.append(digest)
            end.answer(
                sock, "201 Created" if not digest else "204 No Content", b"", "Upload-Offset: 10", *digest
            )

    other = clip(tmp_path / ".." / tmp_path.name, 11)[1]
    path.write_bytes(os.urandom(10))
    upload = sender(far.line(url=impostor(script, tls=False).url))
    with pytest.raises(UploadRefused, match="another file"):
        upload.attempt(path, meta)
    assert len(seen) == 2
    upload.close()
