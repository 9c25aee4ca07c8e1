"""A step ahead, in order, and never more than that."""

import itertools
import subprocess
import sys
import threading

import pytest

from edge.ahead import Ahead


@pytest.fixture
def ahead():
    made = []

    def make(step):
        made.append(Ahead(step, "ahead"))
        return made[-1]

    yield make
    for entry in made:
        entry.close()


def test_results_come_in_order(ahead):
    """Every call's result is handed out once."""
    steps = ahead(itertools.count().__next__)
    assert [steps.next(5.0) for _ in range(50)] == list(range(50))


def test_an_error_is_handed_out_in_its_turn_and_ends_nothing(ahead):
    """Whatever the function raises comes where its result would have been."""
    turns = iter((1, ValueError("broken"), 3))

    def step():
        turn = next(turns, 0)
        if isinstance(turn, Exception):
            raise turn
        return turn

    steps = ahead(step)
    assert steps.next(5.0) == 1
    with pytest.raises(ValueError, match="broken"):
        steps.next(5.0)
    assert steps.next(5.0) == 3


def test_it_waits_while_a_result_waits(ahead):
    """Who is slow gets results that are a step old at most, not a heap of old ones."""
    called = [threading.Event() for _ in range(3)]
    calls = iter(called)
    steps = ahead(lambda: next(calls).set())
    assert called[0].wait(5.0)
    assert not called[1].wait(0.2)
    steps.next(5.0)
    assert called[1].wait(5.0)
    assert not called[2].wait(0.2)


def test_it_runs_while_a_result_is_worked_on(ahead):
    """The next step is under way before anything is made of the one before."""
    again, calls = threading.Event(), itertools.count()

    def step():
        if next(calls):
            again.set()

    ahead(step).next(5.0)
    assert again.wait(5.0)


def test_what_takes_long_is_waited_for_again(ahead):
    """A time-out loses nothing."""
    go = threading.Event()
    steps = ahead(lambda: go.wait(10.0))
    with pytest.raises(TimeoutError):
        steps.next(0.05)
    go.set()
    assert steps.next(5.0) is True


def test_the_end_hands_out_what_had_been_begun(ahead):
    """A look that goes on at the end counts, and none is begun after it."""
    begun, go, calls = threading.Event(), threading.Event(), itertools.count()

    def step():
        number = next(calls)
        begun.set()
        go.wait(10.0)
        return number

    steps = ahead(step)
    assert begun.wait(5.0)
    steps.close()
    go.set()
    assert steps.next(5.0) == 0
    with pytest.raises(EOFError):
        steps.next(5.0)
    assert next(calls) == 1


def test_the_process_ends_although_it_hangs():
    """A library that does not come back is left behind."""
    code = (
        "import threading; from edge.ahead import Ahead\n"
        "steps = Ahead(threading.Event().wait, 'hangs'); steps.close()"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=True).returncode == 0
