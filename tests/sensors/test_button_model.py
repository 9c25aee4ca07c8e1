"""Random edges, bounces and polls against a plain model of what a press is."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

REFRACTORY_MS = 2000
RELEASE_MS = 50

LEVELS = st.sampled_from(["low", "float"])
GAPS_MS = st.one_of(
    st.integers(0, 10),
    st.integers(40, 60),
    st.integers(60, 400),
    st.integers(1900, 2100),
    st.integers(0, 9000),
)
PRESSES = st.lists(
    st.fixed_dictionaries(
        {
            "gap_ms": st.one_of(st.integers(200, 1000), st.integers(2500, 20_000)),
            "closing": st.lists(st.integers(0, 8), max_size=30),
            "hold_ms": st.one_of(st.integers(0, 30), st.integers(30, 5000)),
            "opening": st.lists(st.integers(0, 8), max_size=30),
        }
    ),
    max_size=8,
)


def drive(bench, level):
    bench.low(17) if level == "low" else bench.float(17)


def expected_presses_ms(changes, end_ms):
    """The model: merge what is low, fill holes shorter than a release, and let the refractory time choose."""
    intervals = []
    low_since = None
    for at_ms, level in [*changes, (end_ms, "float")]:
        if level == "low" and low_since is None:
            low_since = at_ms
        elif level == "float" and low_since is not None:
            intervals.append([low_since, at_ms])
            low_since = None
    merged: list[list[int]] = []
    for start, end in intervals:
        if merged and start - merged[-1][1] < RELEASE_MS:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    presses: list[int] = []
    for start, _ in merged:
        if not presses or start - presses[-1] >= REFRACTORY_MS:
            presses.append(start)
    return presses


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(GAPS_MS, LEVELS), max_size=60), poll_ms=st.sampled_from([7, 50, 333]))
def test_any_sequence_of_edges_gives_the_presses_of_the_model(new_bench, steps, poll_ms):
    """Whatever the edges and the polls between them, each press is emitted once, at its first edge."""
    bench = play(new_bench, steps, poll_ms)
    changes, at_ms = [], 0
    for gap_ms, level in steps:
        at_ms += gap_ms
        changes.append((at_ms, level))
    assert bench.presses_ms() == expected_presses_ms(changes, at_ms + 1)


def play(new_bench, steps, poll_ms):
    """Drive the pin through steps, with polls on a fixed grid between them."""
    bench = new_bench()
    with bench.button(refractory_s=REFRACTORY_MS / 1000, stuck_after_s=3600.0) as button:
        at_ms = 0
        for gap_ms, level in steps:
            turn(bench, button, at_ms, at_ms + gap_ms, poll_ms)
            at_ms += gap_ms
            drive(bench, level)
        turn(bench, button, at_ms, at_ms + 1000, poll_ms)
    return bench


def turn(bench, button, from_ms, to_ms, poll_ms):
    """Let time pass, with a poll at each multiple of poll_ms on the way."""
    for at_ms in range(from_ms + poll_ms - from_ms % poll_ms, to_ms + 1, poll_ms):
        bench.clock.ns = bench.start_ns + at_ms * 1_000_000
        button.poll()
    bench.clock.ns = bench.start_ns + to_ms * 1_000_000


def bouncing(presses):
    """Steps and starts of presses whose contacts bounce when they close and when they open."""
    steps, starts, at_ms = [], [], 0
    for press in presses:
        starts.append(at_ms + press["gap_ms"])
        steps.append((press["gap_ms"], "low"))
        for bounces, rest in ((press["closing"], "low"), (press["opening"], "float")):
            for gap_ms in bounces:
                steps += [(gap_ms, "float"), (gap_ms, "low")]
            if rest == "low":
                steps.append((press["hold_ms"], "low"))
            else:
                steps.append((1, "float"))
        at_ms = sum(gap_ms for gap_ms, _ in steps)
    return steps, starts


@settings(max_examples=200, deadline=None)
@given(presses=PRESSES)
def test_bounce_bursts_give_one_press_each_and_never_none(new_bench, presses):
    """However the contacts bounce, each press outside another's refractory time is one PRESSED."""
    steps, starts = bouncing(presses)
    counted: list[int] = []
    for start in starts:
        if not counted or start - counted[-1] >= REFRACTORY_MS:
            counted.append(start)
    bench = play(new_bench, steps, 50)
    assert bench.presses_ms() == counted


@settings(max_examples=100, deadline=None)
@given(
    presses=st.lists(
        st.tuples(st.integers(2600, 9000), st.integers(60, 2000), st.integers(0, 20)), min_size=1, max_size=6
    ),
    dies_at=st.integers(0, 6),
)
def test_presses_are_not_lost_when_the_edges_die_at_any_time(new_bench, presses, dies_at):
    """Polling alone finds each press longer than its interval, and says once that edges are gone."""
    bench = new_bench()
    with bench.button(stuck_after_s=3600.0) as button:
        for number, (gap_ms, hold_ms, bounce_ms) in enumerate(presses):
            if number == dies_at:
                bench.deafen(17)
            bench.run(button, gap_ms / 1000)
            bench.low(17)
            bench.clock.turn(bounce_ms / 1000)
            bench.float(17)
            bench.low(17)
            bench.run(button, max(hold_ms, 51) / 1000)
            bench.float(17)
        bench.run(button, 2)
    assert bench.states().count("pressed") == len(presses)
    assert bench.states().count("fault") == (dies_at < len(presses))


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 30), LEVELS), min_size=5, max_size=200))
def test_noise_never_floods(new_bench, steps):
    """A noisy line gives at most one press in each refractory time."""
    presses = play(new_bench, steps, 50).presses_ms()
    assert all(later - earlier >= REFRACTORY_MS for earlier, later in pairwise(presses))
