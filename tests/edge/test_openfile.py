"""Open incidents over a restart: kept, restored, and never a reason to stop."""

from __future__ import annotations

import pytest

from edge.events import AlertKind, new_id
from edge.incidents import Change, Incidents, Phase
from edge.openfile import OpenFile
from sensors.readings import Reading, Source, State

S = 1_000_000_000


def fire(device="stall"):
    return Change(
        kind=AlertKind.SMOKE,
        incident=new_id(),
        phase=Phase.RAISED,
        source=Source.SMOKE_DETECTOR,
        device=device,
    )


def test_what_is_kept_is_what_is_loaded(tmp_path):
    """An incident comes back with its id, its kind and its device."""
    change = fire()
    OpenFile(tmp_path / "open.json").keep([change])
    assert OpenFile(tmp_path / "open.json").load() == [change]


def test_the_same_incidents_are_not_written_again(tmp_path):
    """A card is spared: the file is written when the incidents change, not each second."""
    file = OpenFile(tmp_path / "open.json")
    change = fire()
    file.keep([change])
    before = (tmp_path / "open.json").stat().st_mtime_ns
    file.keep([change])
    assert (tmp_path / "open.json").stat().st_mtime_ns == before
    file.keep([])
    assert OpenFile(tmp_path / "open.json").load() == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 100, b'{"open": [{"kind": "party"}]}'])
def test_a_damaged_file_is_an_empty_one(tmp_path, content):
    """Half-written or foreign content costs the memory, not the node."""
    (tmp_path / "open.json").write_bytes(content)
    assert OpenFile(tmp_path / "open.json").load() == []


def test_a_directory_that_cannot_be_written_is_no_error(tmp_path):
    """Where nothing can be kept the node goes on."""
    OpenFile(tmp_path / "none" / "open.json").keep([fire()])


def test_a_restored_fire_that_goes_on_is_told_again_under_its_own_incident():
    """The detector's first word after the restart joins the incident that is open, once."""
    incidents, change = Incidents(settle_s=5), fire()
    incidents.restore([change], {"stall"}, at_ns=0)
    reading = Reading(source=Source.SMOKE_DETECTOR, device="stall", state=State.ALARM, at_ns=1)
    (told,) = incidents.on_reading(reading)
    assert (told.incident, told.phase) == (change.incident, Phase.CONTINUES)
    assert incidents.on_reading(reading) == []
    incidents.on_reading(Reading(source=Source.SMOKE_DETECTOR, device="stall", state=State.NORMAL, at_ns=S))
    (ended,) = incidents.tick(7 * S)
    assert (ended.incident, ended.phase) == (change.incident, Phase.ENDED)


def test_what_belongs_to_a_device_that_is_gone_ends():
    """A detector that was taken out of the configuration does not burn for ever."""
    incidents, change = Incidents(settle_s=5), fire("removed")
    incidents.restore([change], {"stall"}, at_ns=0)
    assert incidents.tick(4 * S) == []
    assert [ended.device for ended in incidents.tick(5 * S)] == ["removed"]
