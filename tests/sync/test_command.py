"""Commands on the wire: what is understood to the last argument, and what is refused with which reason."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sync.command import (
    LONGEST_BY,
    MAX_BYTES,
    TAKES,
    Answer,
    Arguments,
    Command,
    CommandName,
    Outcome,
    Reason,
    answer_topic,
    may_answer,
    shortened,
)
from sync.errors import CommandError, WireError

unhurried = hypothesis_settings(deadline=None)
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
GOOD = {
    "id": ID,
    "at": "2026-01-01T00:00:00Z",
    "expires": "2026-01-01T00:05:00Z",
    "by": "trực ban phường Bến Nghé",
}
BASE = "tuquan/v1/ben-nghe/gate"
NOON_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


def payload(**changes):
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value is not ...}).encode()


def reason_of(name="test", raw=None, **changes):
    with pytest.raises(CommandError) as caught:
        Command.read(name, payload(**changes) if raw is None else raw)
    assert str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("name", CommandName)
def test_a_command_comes_out_as_it_went_in(name):
    """Every command survives the wire; its name travels in the topic and not in the payload."""
    command = Command.read(name, payload())
    assert (command.name, str(command.id), command.by) == (name, ID, GOOD["by"])
    assert Command.read(name, command.to_payload()) == command
    assert "name" not in json.loads(command.to_payload())


def test_arguments_are_read():
    """What a command takes is there, typed; what is not given has its default."""
    args = Command.read("test", payload(args={"lamps": True})).args
    assert (args.lamps, args.siren, args.kind, args.incident) == (True, False, "", None)
    assert str(Command.read("false-alarm", payload(args={"incident": ID})).args.incident) == ID


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ...}, Reason.NOT_UNDERSTOOD),
        ({"id": "7"}, Reason.NOT_UNDERSTOOD),
        ({"id": 7}, Reason.NOT_UNDERSTOOD),
        ({"by": ...}, Reason.NOT_UNDERSTOOD),
        ({"by": ""}, Reason.NOT_UNDERSTOOD),
        ({"by": "a\nb"}, Reason.NOT_UNDERSTOOD),
        ({"by": "\ud800"}, Reason.NOT_UNDERSTOOD),
        ({"by": "x" * (LONGEST_BY + 1)}, Reason.NOT_UNDERSTOOD),
        ({"at": ...}, Reason.NOT_UNDERSTOOD),
        ({"at": "yesterday"}, Reason.NOT_UNDERSTOOD),
        ({"at": "2026-W01-4T00:00:00Z"}, Reason.NOT_UNDERSTOOD),
        ({"at": "2026-01-01T00:00:00"}, Reason.NOT_UNDERSTOOD),
        ({"expires": "2026-02-31T00:00:00Z"}, Reason.NOT_UNDERSTOOD),
        ({"expires": ...}, Reason.NO_EXPIRY),
        ({"expires": None}, Reason.NO_EXPIRY),
        ({"expires": "2026-01-02T00:00:01Z"}, Reason.TOO_LONG),
        ({"args": []}, Reason.NOT_UNDERSTOOD),
        ({"args": {"lamp": True}}, Reason.NOT_UNDERSTOOD),
        ({"args": {"lamps": "yes"}}, Reason.NOT_UNDERSTOOD),
        ({"args": {"incident": ID}}, Reason.NOT_UNDERSTOOD),
    ],
)
def test_what_is_not_a_command_is_refused_with_its_reason(changes, reason):
    """A wrong field, an argument that is not known or not this command's, a life that is too long."""
    assert reason_of(**changes) == reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.NOT_UNDERSTOOD),
        (b"null", Reason.NOT_UNDERSTOOD),
        (b"[" * 4000, Reason.NOT_UNDERSTOOD),
        (b"\xff\xfe", Reason.NOT_UNDERSTOOD),
        (b"9" * 4096, Reason.NOT_UNDERSTOOD),
        (b" " * (MAX_BYTES + 1), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_object_is_refused(raw, reason):
    """Nothing, nesting without end, bytes that are no text, too many bytes: one short refusal each."""
    assert reason_of(raw=raw) == reason


def test_a_name_that_is_not_known_is_refused_and_the_id_is_kept():
    """The refusal names what there is, harmlessly, and can be told apart by the command's id."""
    with pytest.raises(CommandError) as caught:
        Command.read("self-\x1bdestruct", payload())
    assert caught.value.reason == Reason.UNKNOWN_COMMAND
    assert str(caught.value.id) == ID
    assert "silence" in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_a_later_sender_adds_is_ignored_outside_the_arguments():
    """An unknown field beside the known ones leaves the command as it is."""
    assert Command.read("silence", payload(shift="night")) == Command.read("silence", payload())


def test_every_command_says_what_it_takes():
    """The table is complete and names arguments that exist."""
    assert set(TAKES) == set(CommandName)
    known = {entry.metadata.get("alias", entry.name) for entry in fields(Arguments)}
    assert set().union(*TAKES.values()) == known


@pytest.mark.parametrize(
    ("after_s", "left_s", "reason"),
    [
        (0, None, None),
        (299, None, None),
        (300, None, Reason.EXPIRED),
        (1e6, 100, Reason.EXPIRED),
        (0, 0, Reason.EXPIRED),
        (0, 1, None),
        (-86_400 - 1, 60, Reason.TOO_LONG),
    ],
)
def test_with_a_trusted_clock_the_expiry_decides(after_s, left_s, reason):
    """Obeyed until the moment given, refused from it on; the broker's limit counts too."""
    command = Command.read("silence", payload())
    assert command.staleness(NOON_US + int(after_s * 1e6), left_s) == reason


@pytest.mark.parametrize(
    ("left_s", "reason"),
    [(None, Reason.CLOCK), (0, Reason.EXPIRED), (1, None), (86_400, None), (86_401, Reason.TOO_LONG)],
)
def test_without_a_clock_only_the_brokers_limit_counts(left_s, reason):
    """A node whose clock was never set obeys what the broker vouches for, and refuses what nobody does."""
    assert Command.read("silence", payload()).staleness(None, left_s) == reason


@unhurried
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(ID),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "at", "expires", "by", "args", "lamps", "x"]), inner, max_size=6
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([*CommandName, "x", "\x00", ""]),
)
def test_no_bytes_do_anything_but_be_refused_or_understood(raw, name):
    """Whatever is published: a command that says again what it said, or a refusal with a printable reason."""
    try:
        command = Command.read(name, raw)
    except CommandError as error:
        refused = error
    else:
        assert Command.read(name, command.to_payload()) == command
        return
    assert refused.reason in set(Reason)
    assert str(refused).isprintable()


@unhurried
@given(
    st.sampled_from(CommandName),
    st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
)
def test_nothing_that_lives_longer_than_a_day_is_accepted(name, at, life):
    """From sending to expiry a day at most, whatever the times."""
    times = {"at": at.isoformat(), "expires": (at + life).isoformat()}
    if life > timedelta(days=1):
        assert reason_of(name, **times) == Reason.TOO_LONG
    else:
        assert Command.read(name, payload(**times)).until == at + life


def test_an_answer_comes_out_as_it_went_in():
    """An answer survives the wire, with and without the id of a command."""
    said = Answer(command="reload", result=Outcome.REFUSED, reason=Reason.BUSY, text="…", at=GOOD["at"])
    assert Answer.from_payload(said.to_payload()) == said
    for raw in (b"", b"{}", b"[" * 5000, b'{"command":"x","result":"maybe","at":""}'):
        with pytest.raises(WireError):
            Answer.from_payload(raw)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        (answer_topic(BASE, "duty"), True),
        ("tuquan/v1/ben-nghe/truc-ban/answer", True),
        ("tuquan/v1/ben-nghe/gate/answer/x/y", True),
        ("tuquan/v1/ben-nghe/gate/status", False),
        ("tuquan/v1/ben-nghe/gate/alert/panic", False),
        ("tuquan/v1/ben-nghe/other/receipt", False),
        ("tuquan/v1/ben-nghe/other/command/reload", False),
        ("tuquan/v1/ben-thanh/gate/answer/x", False),
        ("tuquan/v1/ben-nghe", False),
        ("tuquan/v1/ben-nghe/gate", False),
        ("tuquan/v1/ben-nghe/gate/", False),
        ("tuquan/v1/ben-nghe//answer", False),
        ("tuquan/v1/ben-nghe/gate/answer/#", False),
        ("tuquan/v1/ben-nghe/+/answer", False),
        ("tuquan/v1/ben-nghe/gate/answer/\x00", False),
        ("tuquan/v1/ben-nghe/gate/answer/" + "x" * 256, False),
        ("$SYS/x", False),
        ("", False),
    ],
)
def test_answers_go_only_where_no_node_speaks_itself(topic, allowed):
    """Below the commune, never on an alert, a status or another topic that means something."""
    assert may_answer(topic, BASE) is allowed


def test_a_long_reason_is_cut_to_fit_an_answer():
    """Sixty problems in a file still make an answer that any broker takes."""
    text = shortened("pin 99 does not exist;\n" * 60)
    assert len(text) < 700
    assert text.isprintable()


def test_a_deletion_travels_as_it_is_written():
    """`from` and `to` are words on the wire, and what is read is what was sent."""
    args = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00+07:00", "reason": "đơn số 5"}
    command = Command.read("evidence-delete", payload(args=args))
    assert (command.args.begins, command.args.ends, command.args.reason) == tuple(args.values())
    assert json.loads(command.to_payload())["args"] == args
    with pytest.raises(CommandError):
        Command.read("evidence-request", payload(args=args))
