"""A clock that is turned by hand, and a folder of clips."""

import pytest

from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from sync.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def roomy():
    """Settings that do not depend on how full this machine's disk is."""
    return EvidenceSettings(min_free_mb=0, max_percent=90)


@pytest.fixture
def make_store(tmp_path, clock, roomy):
    def make(settings=roomy, directory=tmp_path / "evidence"):
        return Store(directory, settings, clock=clock, node="phuong-thu/cho")

    return make


@pytest.fixture
def store(make_store):
    return make_store()
