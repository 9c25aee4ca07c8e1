"""Machines of their own: power cuts and disks that go wrong under the running node; longer in `make soak`."""

import pytest

from tests.faults.uml.kernel import KernelUnavailable, locate
from tests.faults.uml.machine import Machine, MachineFailed


@pytest.mark.fault("power-cut")
@pytest.mark.timeout(300)
def test_what_lit_the_lamp_is_there_after_a_power_cut(kept):
    """Cut at a chosen moment, five times: every press whose lamp was seen lit is stored or was delivered."""
    kept()


@pytest.mark.fault("power-cut-unsynced")
@pytest.mark.timeout(300)
def test_without_syncing_the_same_power_cut_loses_presses(kept):
    """The judge finds the loss where SQLite is told not to sync: it can see one."""
    kept()


@pytest.mark.fault("disk-errors")
@pytest.mark.timeout(300)
def test_while_the_disk_fails_presses_are_sent_or_kept_and_stored_at_last(kept):
    """No lamp says "stored" meanwhile; once it does, a power cut takes nothing away; nothing is restarted."""
    kept()


@pytest.mark.fault("slow-disk")
@pytest.mark.timeout(300)
def test_on_a_slow_disk_every_press_is_stored(kept):
    """A flush of two seconds delays the lamp, and nothing else."""
    kept()


def test_a_machine_that_fails_says_why(bench):
    """What a program inside raises is the error outside, with the machine's last words."""
    with (
        Machine(bench.kernel, bench.folder, "powercut", {}) as machine,
        pytest.raises(MachineFailed, match="KeyError"),
    ):
        machine.hear("found")


def test_where_no_package_can_be_fetched_the_reason_is_told(tmp_path, monkeypatch):
    """A machine without apt and without the package: no crash, but a sentence to act on."""
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        locate(tmp_path)
    except KernelUnavailable as error:
        assert "apt install user-mode-linux" in str(error)  # noqa: PT017 - an installed one is as good
