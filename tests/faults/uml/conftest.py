"""A machine of its own for a test, where Debian's user-mode-linux is to be had."""

import pytest

from tests.faults.uml.bench import prepare
from tests.faults.uml.kernel import KernelUnavailable


@pytest.fixture
def bench(tmp_path):
    try:
        return prepare(tmp_path)
    except KernelUnavailable as error:
        pytest.skip(f"NO POWER IS CUT AND NO DISK IS BROKEN HERE: {error}")
