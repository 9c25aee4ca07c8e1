"""Power cuts under the running node; the long form is `python -m tests.faults.uml`."""

import pytest

from tests.faults.uml.kernel import KernelUnavailable, locate
from tests.faults.uml.machine import Machine, MachineFailed
from tests.faults.uml.powercut import Series


@pytest.mark.timeout(300)
def test_what_lit_the_lamp_is_there_after_a_power_cut(bench):
    """Five times cut at a chosen moment: every press whose lamp was seen lit is stored or was delivered."""
    verdict = Series(bench=bench, seed=1).run(5)
    assert verdict.good, verdict.table()


@pytest.mark.timeout(300)
def test_without_syncing_the_same_power_cut_loses_presses(bench):
    """The judge finds the loss where SQLite is told not to sync: it can see one."""
    verdict = Series(bench=bench, seed=1, careless=True).run(1)
    assert any("lit the lamp and are gone" in sentence for sentence in verdict.wrong), verdict.table()


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
