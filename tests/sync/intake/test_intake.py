"""What the intake says yes and no to, and that a yes means that the archive has it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
import requests
from hypothesis import HealthCheck, given, settings

from edge.events import AlertKind, EventKind
from sync.envelope import MAX_PAYLOAD_BYTES, open_envelope
from sync.errors import ArchiveUnavailable
from sync.receipt import Receipt, ReceiptState
from sync.station.intake import topic_of
from sync.station.records import Way


def refusal(answer, status):
    """The sentence of a problem+json answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert document["detail"].endswith(".")
    return document["detail"]


def test_an_answer_of_200_is_the_receipt_of_a_message_that_is_in_the_archive(station, make_event):
    """The very bytes are kept, with their topic and the path that they came by."""
    document = make_event()
    answer = station.post(document)
    assert answer.status_code == 200
    receipt = Receipt.from_payload(answer.content)
    assert (str(receipt.id), receipt.state) == (document["id"], ReceiptState.RECEIVED)
    assert receipt.by == "/tuquan/ben-nghe/station"
    (kept,) = station.kept()
    assert json.loads(kept.payload) == document
    assert kept.topic == "tuquan/v1/ben-nghe/gate/alert/panic"
    assert kept.path is Way.HTTPS


def test_the_same_message_again_earns_the_same_receipt_and_is_kept_once(station, make_event):
    """A node that did not hear the answer asks again."""
    document = make_event()
    answers = [station.post(document) for _ in range(3)]
    assert {Receipt.from_payload(answer.content).id.hex for answer in answers} == {
        document["id"].replace("-", "")
    }
    assert len(station.kept()) == 1


def test_many_at_once_are_all_stored_and_each_gets_its_own_receipt(make_station, make_event):
    """What comes in together goes into few transactions, and nobody gets another's answer."""
    batches = []

    def slow(arrivals):
        batches.append(len(arrivals))
        gate.wait(5)
        return station.archive.store(arrivals)

    station = make_station(store=slow)
    gate = threading.Event()
    documents = [make_event(seq=number) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        futures = [pool.submit(station.post, document) for document in documents]
        gate.set()
        answers = [future.result() for future in futures]
    assert [str(Receipt.from_payload(a.content).id) for a in answers] == [d["id"] for d in documents]
    assert len(station.kept()) == sum(batches) == 12


def test_nobody_without_a_token_that_is_known_gets_in(station, make_event):
    """No token, a wrong one, a password instead: 401 each, and nothing is stored."""
    for headers in (
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer tuquan_" + "x" * 43},
        {"Authorization": "Bearer " + "y" * 5000},
        {"Authorization": "Basic " + station.token},
    ):
        answer = station.post(make_event(), headers=headers)
        assert "oken" in refusal(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert station.kept() == []


def test_a_new_token_ends_the_former_one_without_a_restart(station, make_event):
    """What was lost or stolen is worth nothing as soon as the commune made another."""
    old = station.token
    new = station.tokens.issue("ben-nghe/gate")
    refusal(station.post(make_event(), token=old), 401)
    assert station.post(make_event(), token=new).status_code == 200
    assert station.tokens.revoke("ben-nghe/gate")
    refusal(station.post(make_event(), token=new), 401)


def test_a_node_cannot_speak_for_another(station, make_event):
    """The token names one node, and the envelope has to come from that one."""
    other = station.tokens.issue("ben-nghe/market")
    assert "ben-nghe/market" in refusal(station.post(make_event(), token=other), 403)
    assert station.kept() == []


def test_an_id_that_another_node_has_used_is_refused_by_the_archive(station, make_event):
    """Whoever learns an id cannot take it over."""
    document = make_event()
    assert station.post(document).status_code == 200
    market = station.tokens.issue("ben-nghe/market")
    stolen = document | {"source": "/tuquan/ben-nghe/market"}
    assert document["id"] in refusal(station.post(stolen, token=market), 422)
    assert len(station.kept()) == 1


def test_only_one_event_in_structured_mode_is_taken(station, make_event):
    """Batches, plain JSON and compressed bodies are told what would be right."""
    for kind in ("application/json", "application/cloudevents-batch+json", "", "text/plain"):
        assert "cloudevents+json" in refusal(station.post(make_event(), headers={"Content-Type": kind}), 415)
    refusal(station.post(make_event(), headers={"Content-Encoding": "gzip"}), 415)
    good = {"Content-Type": "Application/CloudEvents+JSON; charset=UTF-8"}
    assert station.post(make_event(), headers=good).status_code == 200


def test_what_is_too_large_is_refused_whether_its_length_is_said_or_not(station, make_event):
    """The limit holds for a body with a length and for one in chunks."""
    large = json.dumps(make_event(data={"x": "y" * MAX_PAYLOAD_BYTES})).encode()
    assert str(MAX_PAYLOAD_BYTES) in refusal(station.post(large), 413)
    assert str(MAX_PAYLOAD_BYTES) in refusal(station.ask(data=iter([large[:40_000], large[40_000:]])), 413)
    fits = make_event(data={"x": "y" * (MAX_PAYLOAD_BYTES - 700)})
    assert station.ask(data=iter([json.dumps(fits).encode()])).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "7"},
        {"seq": -1},
        {"clock": "perhaps"},
        {"time": "yesterday"},
        {"source": "gate"},
        {"source": "/tuquan/ben-nghe/gate/../market"},
        {"type": "vn.tuquan.status"},
        {"type": "vn.tuquan.alert.panic.more"},
        {"type": "com.example.alert.panic"},
        {"bootid": None},
    ],
)
def test_an_envelope_that_is_none_is_refused_with_a_reason(station, make_event, wrong):
    """422 says which field it is about."""
    refusal(station.post(make_event(**wrong)), 422)
    assert station.kept() == []


def test_a_disk_that_refuses_is_503_and_no_receipt(make_station, make_event):
    """The node keeps the message and tries again; when the disk is back it is taken."""
    trouble = [
        ArchiveUnavailable("full"),
        sqlite3.OperationalError("disk I/O error"),
        OSError(28, "No space"),
    ]

    def store(arrivals):
        if trouble:
            raise trouble.pop()
        return station.archive.store(arrivals)

    station = make_station(store=store)
    document = make_event()
    for _ in range(3):
        answer = station.post(document)
        assert "try again" in refusal(answer, 503)
        assert answer.headers["retry-after"]
    assert station.kept() == []
    assert station.post(document).status_code == 200


def test_a_bug_behind_the_intake_is_500_and_the_next_message_is_taken(make_station, make_event):
    """One message that breaks something must not close the door."""
    broken = [RuntimeError("bug")]

    def store(arrivals):
        if broken:
            raise broken.pop()
        return station.archive.store(arrivals)

    station = make_station(store=store)
    refusal(station.post(make_event()), 500)
    assert station.post(make_event()).status_code == 200


def test_a_token_file_that_cannot_be_read_is_the_stations_fault(station, make_event):
    """503, so that the node keeps trying, and not 401, which would send somebody to the node."""
    (station.folder / "tokens").write_bytes(b"\xff\xfe")
    refusal(station.post(make_event()), 503)
    (station.folder / "tokens").unlink()
    refusal(station.post(make_event()), 401)


def test_a_node_can_ask_whose_token_it_has(station):
    """GET proves name, certificate and token without a message."""
    answer = station.ask("GET")
    assert answer.json() == {"node": "ben-nghe/gate", "by": "/tuquan/ben-nghe/station"}
    refusal(station.ask("GET", token="tuquan_wrong"[::-1]), 401)


def test_other_addresses_and_methods_are_told_what_there_is(station):
    """404 and 405 are problem+json too."""
    assert "/v1/messages" in refusal(station.ask("GET", url=station.url.replace("/v1/", "/v2/")), 404)
    refusal(station.ask("PUT"), 405)
    refusal(station.ask("DELETE", url=station.url), 405)


def test_the_topic_follows_from_the_envelope_for_all_that_a_node_stores(make_event):
    """The intake files a message under the very topic that MQTT would have brought."""
    kinds = [f"alert.{kind}" for kind in AlertKind] + [f"event.{kind}" for kind in EventKind]
    for kind in kinds:
        envelope, _ = open_envelope(json.dumps(make_event(kind=kind)).encode())
        assert topic_of(envelope) == f"tuquan/v1/ben-nghe/gate/{kind.replace('.', '/')}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    [
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "bootid",
        "seq",
        "clock",
        "delayed",
        "delayms",
        "subject",
        "data",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=300).map(lambda body: (body, None)),
    JSON.map(lambda document: (json.dumps(document).encode(), None)),
    st.dictionaries(FIELDS, JSON, max_size=3).map(lambda changes: (None, changes)),
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=BODIES)
def test_bad_bytes_are_answered_and_never_kept(fuzzed, make_event, body):
    """Whatever comes: an answer with a reason; and what is kept is an envelope that can be opened."""
    station, session = fuzzed
    raw, changes = body
    payload = raw if raw is not None else json.dumps(make_event() | changes).encode()
    answer = session.post(station.url, data=payload, timeout=10)
    if answer.status_code == 200:
        envelope, _ = open_envelope(payload)
        assert Receipt.from_payload(answer.content).id == envelope.id
        assert station.kept()[-1].payload == payload
    else:
        refusal(answer, answer.status_code)
        assert answer.status_code in (403, 413, 422)


@pytest.fixture
def fuzzed(station):
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(station.authority / "ca.pem")
        session.headers["Authorization"] = f"Bearer {station.token}"
        session.headers["Content-Type"] = "application/cloudevents+json"
        yield station, session


def test_json_that_is_deeper_than_python_goes_is_refused(station):
    """Thirty thousand open brackets are no reason to fall over."""
    refusal(station.post(b"[" * 30_000), 422)
    refusal(station.post(b'{"a":' * 10_000), 422)


def test_a_node_never_loads_the_intake():
    """The alarm process imports neither the web server nor what comes with it."""
    code = (
        "import sys, edge.alarm, edge.cli, sync.settings, sync.station.settings\n"
        "bad = {'starlette', 'uvicorn', 'h11', 'anyio', 'sync.station.intake'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
