"""Which frames are due, and how late they are."""

import random

import pytest

from sensors.pace import LagMeter, RateGate

MS = 1_000_000
S = 1_000 * MS


def passed(rate_fps, times):
    gate = RateGate(rate_fps)
    return [time for time in times if gate.due(time)]


@pytest.mark.parametrize(("source_fps", "wanted"), [(30, 5), (25, 5), (25, 10), (10, 4), (13, 10), (60, 7.5)])
def test_a_faster_source_is_thinned_to_the_wanted_rate(source_fps, wanted):
    """Over a minute a source that is too fast gives just as many frames as wanted."""
    times = [round(index * S / source_fps) for index in range(60 * source_fps)]
    assert len(passed(wanted, times)) == pytest.approx(60 * wanted, rel=0.02)


def test_a_source_of_the_wanted_rate_keeps_its_frames_in_spite_of_jitter():
    """Jitter of a fifth of the period loses no frame."""
    seeded = random.Random(7)
    times = [index * 200 * MS + seeded.randrange(-20, 20) * MS for index in range(1, 500)]
    assert passed(5, times) == times


def test_a_slower_source_keeps_all_frames():
    """A source that is slower than wanted is passed on as it is."""
    times = [index * S for index in range(20)]
    assert passed(5, times) == times


def test_after_a_pause_nothing_is_caught_up():
    """Frames after a pause come at the wanted rate, not in a burst that fills the gap."""
    times = [0, *(60 * S + index * 10 * MS for index in range(100))]
    assert passed(5, times) == [0, 60 * S, *(60 * S + ms * MS for ms in (150, 350, 550, 750, 950))]


def test_a_prompt_stream_has_no_lag():
    """Frames that arrive as regularly as they were stamped are not late."""
    meter = LagMeter()
    assert [meter.lag_ns(7 * S + index * S, index * S) for index in range(5)] == [0] * 5


def test_a_frame_that_waited_is_late_by_its_wait():
    """After a stall the frames of the backlog are late by what they waited; the last one is prompt again."""
    meter = LagMeter()
    meter.lag_ns(0, 0)
    lags = [meter.lag_ns(4 * S, stamp * S) / S for stamp in (1, 2, 3, 4)]
    assert lags == pytest.approx([3, 2, 1, 0], abs=0.01)


def test_a_slow_start_does_not_count_as_the_measure():
    """When later frames come more promptly than the first, they set the measure."""
    meter = LagMeter()
    meter.lag_ns(3 * S, 0)
    assert meter.lag_ns(3 * S, 2 * S) == 0
    assert meter.lag_ns(5 * S, 3 * S) == pytest.approx(1 * S, rel=0.01)


def test_clocks_that_drift_apart_do_not_look_like_lag():
    """A camera whose clock is slow by 200 parts in a million is not late after a day."""
    meter = LagMeter()
    lags = [meter.lag_ns(arrived * S, round(arrived * S * 0.9998)) for arrived in range(0, 86_400, 10)]
    assert max(lags) < 100 * MS


def test_time_stamps_that_begin_anew_start_the_measure_afresh():
    """A camera that counts from 0 again is not taken for one that is hours late."""
    meter = LagMeter()
    meter.lag_ns(0, 5000 * S)
    assert meter.lag_ns(1 * S, 0) == 0
    assert meter.lag_ns(4 * S, 1 * S) == pytest.approx(2 * S, rel=0.01)
