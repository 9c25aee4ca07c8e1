"""Whatever the disk does, no press that lit the lamp is lost; then the node is well without a restart."""

import subprocess
import sys

import pytest

from tests.faults.harness import disks
from tests.faults.harness.process import ROOT
from tests.faults.harness.world import World, local


@pytest.mark.fault("disk-full")
def test_a_full_disk_keeps_the_lamp_dark_or_the_press_safe(kept):
    """Full at one write or another, with a line and without, and killed afterwards."""
    kept()


@pytest.mark.fault("disk-read-only")
def test_a_node_that_starts_on_a_read_only_disk_works_and_recovers(kept):
    """From memory first, from the disk as soon as it can be written."""
    kept()


@pytest.mark.fault("sync-slow")
def test_a_disk_that_takes_two_seconds_to_sync_delays_lamps_and_no_times(kept):
    """Each press is dated when it was made, however long the one before it took."""
    kept()


@pytest.mark.fault("disk-calls-failing")
def test_failing_writes_and_syncs_lose_nothing_that_was_promised(kept):
    """I/O errors, no space, read-only, at every call or every other, for spells."""
    kept()


@pytest.mark.skipif(bool(disks.missing()), reason=f"NOT TRIED: {disks.missing()}")
@pytest.mark.parametrize(("block", "told"), [(1024, True), (4096, False)])
def test_the_doctor_warns_of_a_disk_with_small_blocks(tmp_path, program, block, told):
    """When such a disk is full, the memory that SQLite shares has holes, and touching one is the end."""
    with World("doctor", 0) as world, disks.Disk(tmp_path, block=block) as disk:
        world.node.data = disk.path
        world.node.configure([local(1)])
        command = [sys.executable, "-m", "edge.cli", "doctor", "--lang", "en", "--config", world.node.config]
        said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    assert ("blocks of 1024 bytes" in said) is told
