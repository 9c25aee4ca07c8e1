"""How a scenario runs as a test: no longer than it takes, from a seed that is always the same.

Most of a scenario is waiting. Those that measure nothing run a few at a time: the first test that needs one
starts all that were selected.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from tests.faults.harness.world import stderr
from tests.faults.scenarios import load

SEED = 20261
AT_A_TIME = int(os.environ.get("SCENARIOS_AT_A_TIME", "2"))
"""One, where the rest of the suite runs beside them: a small machine has two cores."""
PATIENCE_S = 900
"""A test also waits for the scenarios that run before its own; each of them ends by itself."""


def pytest_collection_modifyitems(items):
    """Give every scenario that patience; what measures has to say so, and nothing else."""
    scenarios = load()
    for item in items:
        if mark := item.get_closest_marker("fault"):
            item.add_marker(pytest.mark.timeout(PATIENCE_S), append=False)
            if scenarios[mark.args[0]].alone != (item.get_closest_marker("alone") is not None):
                raise pytest.UsageError(f"{item.nodeid}: the marker `alone` and its scenario disagree.")


@pytest.fixture(scope="session")
def program():
    try:
        return locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))


class Runs:
    """The scenarios that run, or have run."""

    def __init__(self, items):
        self._items = items
        self._pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="scenario")
        self._futures: dict[str, Future[Any]] = {}

    def verdict(self, name):
        """What came of a scenario."""
        scenarios = load()
        if scenarios[name].alone:
            wait(self._futures.values())
            return _run(scenarios[name])
        if name not in self._futures:
            for mark in (mark for item in self._items for mark in item.iter_markers("fault")):
                chosen = scenarios[mark.args[0]]
                if not chosen.alone and not chosen.needs():
                    self._futures[chosen.name] = self._pool.submit(_run, chosen)
        return self._futures[name].result()

    def close(self):
        """End the pool."""
        self._pool.shutdown(cancel_futures=True)


def _run(scenario):
    return scenario.run(SEED, scenario.short, stderr)


@pytest.fixture(scope="session")
def runs(request, program):
    made = Runs(request.session.items)
    yield made
    made.close()


@pytest.fixture
def kept(runs, request):
    """A function that fails with the verdict when the test's scenario broke a promise."""

    def check():
        (name,) = request.node.get_closest_marker("fault").args
        if reason := load()[name].needs():
            pytest.skip(f"SCENARIO {name} WAS NOT TRIED: {reason}")
        verdict = runs.verdict(name)
        print(verdict.table())
        assert verdict.good, f"\n{verdict.table()}"

    return check
