"""How a scenario runs as a test: no longer than it takes, from a seed that is always the same."""

from __future__ import annotations

import pytest

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from tests.faults.harness.world import stderr
from tests.faults.scenarios import load

SEED = 20261


@pytest.fixture(scope="session")
def program():
    try:
        return locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def kept(program):
    """A function that runs a scenario by its name, and fails with the verdict when a promise was broken."""

    def run(name):
        scenario = load()[name]
        if reason := scenario.needs():
            pytest.skip(f"SCENARIO {name} WAS NOT TRIED: {reason}")
        verdict = scenario.run(SEED, scenario.short, stderr)
        print(verdict.table())
        assert verdict.good, f"\n{verdict.table()}"

    return run
