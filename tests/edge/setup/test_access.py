"""Coming in to the set-up page: the code, the lock, the sessions."""

from __future__ import annotations

import pytest

from edge.setup.access import ALPHABET, CODE_S, IDLE_S, LOCKED_S, MOST_SESSIONS, Access, Entry


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def access(clock):
    return Access(lambda: clock[0])


def test_a_code_is_eight_marks_that_nobody_misreads(access):
    """It comes in two halves, without 0 O 1 I L 2 Z 5 S 8 B."""
    codes = {access.renew() for _ in range(50)}
    assert len(codes) == 50
    for code in codes:
        assert len(code.replace("-", "")) == 8
        assert set(code) <= set(ALPHABET) | {"-"}
    assert not set("0O1IL2Z5S8B") & set(ALPHABET)


@pytest.mark.parametrize(
    "typed", [str, str.lower, lambda code: code.replace("-", " "), lambda c: c[:4] + c[5:]]
)
def test_the_code_opens_once(access, typed):
    """However it is typed; the second time it opens nothing."""
    code = access.renew()
    admission = access.enter(typed(code))
    assert admission.entry is Entry.OPEN
    assert access.csrf_of(admission.token)
    assert access.enter(code).entry is Entry.EXPIRED


def test_a_code_lapses_after_ten_minutes_and_with_the_next_one(access, clock):
    """Whoever finds it on the terminal later gets no further."""
    first = access.renew()
    second = access.renew()
    assert access.enter(first).entry is Entry.WRONG
    clock[0] += CODE_S
    assert access.enter(second).entry is Entry.EXPIRED
    assert not access.waiting


def test_nothing_opens_while_there_is_no_code(access):
    """An empty guess does not fit the absence of a code."""
    assert access.enter("").entry is Entry.EXPIRED


def test_five_failures_within_thirty_seconds_lock_the_door_for_five_minutes(access, clock):
    """Decision 724/QĐ-BTTTT; also to the right code, and no longer than that."""
    code = access.renew()
    assert [access.enter("ACDE-FGHJ").entry for _ in range(4)] == [Entry.WRONG] * 4
    locked = access.enter("ACDE-FGHJ")
    assert (locked.entry, locked.wait_s) == (Entry.LOCKED, LOCKED_S)
    clock[0] += LOCKED_S - 1
    assert access.enter(code).entry is Entry.LOCKED
    clock[0] += 1
    assert access.enter(code).entry is Entry.OPEN


def test_slow_mistakes_lock_nothing(access, clock):
    """Old fingers may mistype for as long as they like."""
    code = access.renew()
    for _ in range(12):
        clock[0] += 8
        assert access.enter("ACDE-FGHJ").entry is Entry.WRONG
    assert access.enter(code).entry is Entry.OPEN


def test_a_session_ends_after_half_an_hour_in_which_nobody_did_anything(access, clock):
    """A page that asks for pictures by itself does not keep it; somebody who does something does."""
    token = access.enter(access.renew()).token
    clock[0] += IDLE_S - 1
    assert access.csrf_of(token)
    clock[0] += IDLE_S - 1
    assert access.csrf_of(token, used=False)
    clock[0] += 2
    assert access.csrf_of(token) is None


def test_leaving_ends_a_session(access):
    """Its cookie is worth nothing afterwards."""
    token = access.enter(access.renew()).token
    access.leave(token)
    assert access.csrf_of(token) is None
    assert access.csrf_of("") is None


def test_the_longest_unused_session_makes_room(access, clock):
    """There are at most four, so that a forgotten phone stays no way in for ever."""
    tokens = []
    for _ in range(MOST_SESSIONS + 1):
        clock[0] += 1
        tokens.append(access.enter(access.renew()).token)
    alive = [access.csrf_of(token) is not None for token in tokens]
    assert alive == [False] + [True] * MOST_SESSIONS


def test_idleness_counts_from_the_last_that_somebody_did(access, clock):
    """That is when the page ends by itself."""
    start_s = clock[0]
    clock[0] += 60
    assert access.idle_s(start_s) == 60
    token = access.enter(access.renew()).token
    clock[0] += 20
    assert access.idle_s(start_s) == 20
    access.csrf_of(token, used=False)
    assert access.idle_s(start_s) == 20
    access.csrf_of(token)
    assert access.idle_s(start_s) == 0
