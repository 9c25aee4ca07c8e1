"""What the station takes of pictures, and that a digest in the answer means that the file is there."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
import uuid

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from uuid6 import uuid7

from sync.errors import WireError
from sync.pictures import CHUNK_TYPE, Meta, Role
from sync.station.uploads import PATH

NODE = "ben-nghe/gate"


def new_meta(content, role=Role.BLURRED, incident=None):
    """What is said of a file with this content."""
    found = incident or uuid.UUID(int=uuid7().int)
    return Meta(incident=found, role=role, sha256=hashlib.sha256(content).hexdigest())


class Sender:
    """Speaks tus to a station, rightly unless it is told otherwise."""

    def __init__(self, station, token=None):
        self.station = station
        self.token = token
        self.base = station.url.removesuffix("/v1/messages")

    def ask(self, method, path, headers=None, data=None):
        said = {"Tus-Resumable": "1.0.0", "Content-Type": None} | (headers or {})
        return self.station.ask(method, self.base + path, token=self.token, headers=said, data=data)

    def create(self, meta, length, **headers):
        said = {"Upload-Length": str(length), "Upload-Metadata": meta.to_header()} | headers
        return self.ask("POST", PATH, said)

    def patch(self, meta, offset, data, **headers):
        said = {"Upload-Offset": str(offset), "Content-Type": CHUNK_TYPE} | headers
        return self.ask("PATCH", f"{PATH}/{meta.incident}/{meta.role}", said, data)

    def head(self, meta):
        return self.ask("HEAD", f"{PATH}/{meta.incident}/{meta.role}")

    def path(self, meta, node=NODE):
        return self.station.folder / "evidence" / node / meta.name


def refusal(answer, status):
    """The sentence of a problem+json answer, which speaks tus as well."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert answer.json()["detail"].endswith((".", ")"))
    return answer.json()["detail"]


@pytest.fixture
def sender(station):
    return Sender(station)


def test_a_file_in_pieces_is_there_when_the_answer_vouches_for_it(sender):
    """Created, appended to twice; only the last answer carries the digest, and the file is in its place."""
    content = os.urandom(200_000)
    meta = new_meta(content)
    created = sender.create(meta, len(content))
    assert (created.status_code, created.headers["upload-offset"]) == (201, "0")
    assert created.headers["location"] == f"/v1/evidence/{meta.incident}/blurred"
    first = sender.patch(meta, 0, content[:150_000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "150000")
    assert "repr-digest" not in first.headers
    assert not sender.path(meta).exists()
    last = sender.patch(meta, 150_000, content[150_000:])
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert last.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert sender.path(meta).read_bytes() == content
    (known,) = sender.station.shelf.ledger.files()
    assert (known.node, known.incident, known.sha256) == (NODE, meta.incident, meta.sha256)
    assert [entry.name for entry in sender.path(meta).parent.iterdir()] == [meta.name]


def test_what_is_complete_says_so_when_it_is_announced_again(sender):
    """A node that did not hear the last answer asks again, and need not send anything."""
    content = b"clip" * 1000
    meta = new_meta(content)
    sender.create(meta, len(content))
    sender.patch(meta, 0, content)
    again = sender.create(meta, len(content))
    assert again.status_code == 201
    assert again.headers["repr-digest"] == sender.head(meta).headers["repr-digest"] == meta.digest
    assert sender.patch(meta, len(content), b"").headers["repr-digest"] == meta.digest
    assert len(sender.station.shelf.ledger.files()) == 1


def test_a_complete_file_is_never_overwritten(sender):
    """Evidence that came stays what it was: another file under its name is refused, before and after."""
    content, other = b"first" * 100, b"other" * 100
    meta = new_meta(content)
    sender.create(meta, len(content))
    sender.patch(meta, 0, content)
    assert "not overwritten" in refusal(sender.create(new_meta(other, incident=meta.incident), 500), 409)
    refusal(sender.patch(meta, 0, other), 409)
    refusal(sender.patch(meta, len(content), b"more"), 413)
    assert sender.path(meta).read_bytes() == content


def test_a_file_that_is_not_what_was_announced_is_gone(sender):
    """One byte differs: no file, no row in the ledger, a sentence that says why, and a new try may begin."""
    content = b"x" * 1000
    meta = new_meta(content)
    sender.create(meta, 1000)
    assert "SHA-256" in refusal(sender.patch(meta, 0, b"x" * 999 + b"y"), 422)
    assert sender.head(meta).status_code == 404
    assert sender.station.shelf.ledger.files() == []
    assert sender.create(meta, 1000).headers["upload-offset"] == "0"
    assert sender.patch(meta, 0, content).headers["repr-digest"] == meta.digest


def test_bytes_at_the_wrong_place_are_refused_and_told_the_right_one(sender):
    """A gap and an overlap: 409 each, with what is here, and nothing is changed."""
    content = os.urandom(1000)
    meta = new_meta(content)
    sender.create(meta, 1000)
    sender.patch(meta, 0, content[:400])
    for wrong in (0, 399, 401, 1000, 10**14):
        answer = sender.patch(meta, wrong, b"abc")
        refusal(answer, 409)
        assert answer.headers["upload-offset"] == "400"
    assert sender.head(meta).headers["upload-offset"] == "400"
    assert sender.patch(meta, 400, content[400:]).headers["repr-digest"] == meta.digest


def test_more_than_was_announced_is_refused_and_taken_back(sender):
    """Whether the length is said or comes in chunks, nothing of that request counts."""
    content = os.urandom(1000)
    meta = new_meta(content)
    sender.create(meta, 1000)
    refusal(sender.patch(meta, 0, content + b"!"), 413)
    refusal(sender.patch(meta, 0, iter([content[:900], content[900:] + b"!"])), 413)
    assert sender.head(meta).headers["upload-offset"] == "0"
    assert sender.patch(meta, 0, content).headers["repr-digest"] == meta.digest


def test_a_node_sees_and_touches_its_own_files_alone(sender):
    """The token says whose folder it is: the neighbour finds nothing, and its own file stands beside."""
    content = b"gate" * 50
    meta = new_meta(content)
    sender.create(meta, 200)
    market = Sender(sender.station, sender.station.tokens.issue("ben-nghe/market"))
    assert market.head(meta).status_code == 404
    refusal(market.patch(meta, 0, content), 404)
    refusal(Sender(sender.station, "tuquan_" + "x" * 43).create(meta, 200), 401)
    refusal(Sender(sender.station, "nonsense").patch(meta, 0, content), 401)
    market.create(meta, 200)
    market.patch(meta, 0, content)
    assert sender.path(meta, "ben-nghe/market").read_bytes() == content
    assert not sender.path(meta).exists()


def test_quotas_bound_a_file_a_node_and_all_of_them(make_station):
    """Too large is 413 at once; a full share is 507, whether it is filled or only promised."""
    station = make_station(evidence={"max_file_mb": 2, "max_node_mb": 3, "max_mb": 4})
    gate, market = Sender(station), Sender(station, station.tokens.issue("ben-nghe/market"))
    assert "2 MB" in refusal(gate.create(new_meta(b"a"), 2 * 2**20 + 1), 413)
    assert gate.create(new_meta(b"a"), 2 * 2**20).status_code == 201
    assert "max_node_mb" in refusal(gate.create(new_meta(b"b"), 2 * 2**20), 507)
    assert "max_mb" in refusal(market.create(new_meta(b"c"), 2 * 2**20), 507)
    assert market.create(new_meta(b"c"), 2**20).status_code == 201


def test_a_disk_that_is_nearly_full_takes_no_pictures(make_station):
    """The archive's room is not for pictures: 507, and the node keeps the file."""
    station = make_station(evidence={"min_free_mb": 1_000_000})
    assert "no room" in refusal(Sender(station).create(new_meta(b"a"), 1), 507)


def test_a_disk_that_refuses_is_told_and_kept_for_the_status(station, sender):
    """A folder that cannot be written: 503, a sentence for the station's status, and well again then."""
    (station.folder / "evidence").write_text("a file where the folder should be")
    refusal(sender.create(new_meta(b"a"), 1), 503)
    assert "evidence" in station.shelf.problem
    (station.folder / "evidence").unlink()
    assert sender.create(new_meta(b"a"), 1).status_code == 201
    assert station.shelf.problem == ""


def test_one_appends_at_a_time_and_only_so_many_at_all(make_station):
    """A second request on the same file is told that it is locked, one too many altogether to come again."""
    station = make_station(evidence={"at_once": 1})
    sender, content = Sender(station), b"z" * 1000
    meta, other = new_meta(content), new_meta(b"o" * 10)
    sender.create(meta, 1000)
    sender.create(other, 10)
    half, over = threading.Event(), threading.Event()

    def slowly():
        yield content[:500]
        half.set()
        over.wait(5)
        yield content[500:]

    answers = []
    thread = threading.Thread(target=lambda: answers.append(sender.patch(meta, 0, slowly())))
    thread.start()
    assert half.wait(5)
    busy = sender.patch(other, 0, b"o" * 10)
    assert "as may" in refusal(busy, 503)
    assert busy.headers["retry-after"]
    station.intake._uploads._settings = station.limits.__class__(at_once=5)
    deadline = time.monotonic() + 5
    while (locked := sender.patch(meta, 500, b"!")).status_code != 423:
        assert time.monotonic() < deadline
    refusal(locked, 423)
    over.set()
    thread.join(5)
    assert answers[0].headers["repr-digest"] == meta.digest


def test_what_came_before_the_line_broke_is_kept(station, sender):
    """Half a request, then silence: what arrived counts, and the next request goes on from there."""
    content = os.urandom(100_000)
    meta = new_meta(content)
    sender.create(meta, len(content))
    head = (
        f"PATCH {PATH}/{meta.incident}/blurred HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n"
        f"Authorization: Bearer {station.token}\r\nContent-Type: {CHUNK_TYPE}\r\nUpload-Offset: 0\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with station.connect() as line:
        line.sendall(head.encode() + content[:60_000])
        deadline = time.monotonic() + 5
        while (offset := int(sender.head(meta).headers["upload-offset"])) < 60_000:
            assert time.monotonic() < deadline
    while (answer := sender.patch(meta, offset, content[offset:])).status_code in (409, 423):
        assert time.monotonic() < deadline
        offset = int(sender.head(meta).headers["upload-offset"])
    assert answer.headers["repr-digest"] == meta.digest


def test_a_power_cut_between_the_file_and_the_ledger_is_mended(station, sender):
    """The file lies in its place and the ledger does not know it: it is read, entered and vouched for."""
    content = b"there" * 10
    meta = new_meta(content)
    sender.path(meta).parent.mkdir(parents=True)
    sender.path(meta).write_bytes(content)
    assert sender.create(meta, 50).headers["repr-digest"] == meta.digest
    assert [known.sha256 for known in station.shelf.ledger.files()] == [meta.sha256]


def test_other_versions_and_other_types_are_told_what_would_be_right(sender):
    """No Tus-Resumable, a body of another type, a length that is none: each its status and a sentence."""
    meta = new_meta(b"a")
    answer = sender.create(meta, 1, **{"Tus-Resumable": "0.2.2"})
    refusal(answer, 412)
    assert answer.headers["tus-version"] == "1.0.0"
    for length in ("", "-1", "1.5", "\u0661", "9" * 30, "0"):
        refusal(sender.create(meta, 1, **{"Upload-Length": length.encode()}), 400)
    sender.create(meta, 1)
    refusal(sender.patch(meta, 0, b"a", **{"Content-Type": "video/mp4"}), 415)
    refusal(sender.patch(meta, 0, b"a", **{"Upload-Offset": "x"}), 400)
    options = sender.ask("OPTIONS", PATH)
    assert (options.status_code, options.headers["tus-extension"]) == (204, "creation")
    assert options.headers["tus-max-size"] == str(256 * 2**20)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/x/blurred",
        "%2e%2e/blurred",
        "..%2f..%2ftokens/blurred",
        f"{uuid.uuid4()}/tokens",
        "a/blurred",
    ],
)
def test_no_address_leads_anywhere_else(sender, path):
    """Ids and kinds are read, never joined to a path as they come."""
    assert sender.ask("HEAD", f"{PATH}/{path}").status_code == 404
    patched = sender.ask("PATCH", f"{PATH}/{path}", {"Upload-Offset": "0", "Content-Type": CHUNK_TYPE}, b"x")
    assert patched.status_code == 404
    assert not (sender.station.folder / "evidence").exists()


def test_what_metadata_says_is_read_back_and_nothing_else_is():
    """Both ends agree on the header; one that lacks a word, or has a wrong one, is refused."""
    meta = new_meta(b"a", Role.ORIGINAL)
    assert Meta.from_header(meta.to_header()) == meta
    assert Meta.from_header(meta.to_header().replace(",", " , ")) == meta
    for key in ("incident", "kind", "sha256"):
        pairs = [pair for pair in meta.to_header().split(",") if not pair.startswith(key)]
        with pytest.raises(WireError):
            Meta.from_header(",".join(pairs))
        with pytest.raises(WireError):
            Meta.from_header(",".join([*pairs, f"{key} {base64.b64encode(b'../x').decode()}"]))


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "PATCH", "HEAD", "OPTIONS"]),
    path=st.sampled_from(["", "/x/blurred", f"/{uuid.uuid4()}/original"]),
    version=st.sampled_from(["1.0.0", ""]) | TEXT,
    length=st.integers(-5, 10**20).map(str) | TEXT,
    offset=st.integers(-5, 10**20).map(str) | TEXT,
    said=TEXT
    | st.just(new_meta(b"q").to_header())
    | st.binary(max_size=30).map(
        lambda raw: f"sha256 {base64.b64encode(raw).decode()},incident {base64.b64encode(raw).decode()}"
    ),
    body=st.binary(max_size=64),
)
def test_whatever_is_sent_is_answered_and_nothing_odd_gets_in(
    station, method, path, version, length, offset, said, body
):
    """No header makes the station fail, and nothing lies in its folder but what was announced rightly."""
    headers = {
        "Tus-Resumable": version.strip().encode("latin-1"),
        "Upload-Length": length.strip().encode("latin-1"),
        "Upload-Offset": offset.strip().encode("latin-1"),
        "Upload-Metadata": said.strip().encode("latin-1"),
        "Content-Type": CHUNK_TYPE,
    }
    answer = Sender(station).ask(method, PATH + path, headers, body)
    assert answer.status_code < 500 or answer.status_code == 507
    assert "repr-digest" not in answer.headers
    assert station.shelf.ledger.files() == []
    known = new_meta(b"q")
    allowed = {known.sha256}
    for note in (station.folder / "evidence").glob("*/*/.*.note"):
        assert any(sha in note.read_text() for sha in allowed)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), content=st.binary(min_size=1, max_size=3000))
def test_any_sequence_of_offsets_ends_in_the_file_or_in_nothing(station, data, content):
    """Pieces at right and wrong places in any order: what is vouched for is what was announced."""
    sender, meta = Sender(station), new_meta(content)
    sender.create(meta, len(content))
    here = 0
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.sampled_from([here, here, 0, len(content)]) | st.integers(0, len(content)))
        size = data.draw(st.integers(0, len(content) + 10))
        answer = sender.patch(meta, at, content[at : at + size])
        if answer.status_code == 204:
            assert at == here
            here = int(answer.headers["upload-offset"])
            assert here == min(len(content), at + size)
        else:
            assert answer.status_code == 409
            assert at != here
    assert sender.path(meta).exists() == (here == len(content))
    if here == len(content):
        assert sender.path(meta).read_bytes() == content
