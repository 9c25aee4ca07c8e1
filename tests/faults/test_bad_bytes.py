"""Whoever writes what to us: it is refused with a reason, or it is what the schema says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.fuzz.targets import TARGETS


@pytest.mark.fault("bad-bytes")
def test_a_fuzzer_that_follows_the_code_finds_nothing_that_breaks_a_reader(kept):
    """Seven readers, fed from good samples on: no crash, no hang, nothing that the schema refuses."""
    kept()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_good_samples_are_taken(name):
    """What the fuzzer starts from passes each reader."""
    for seed in TARGETS[name].seeds():
        TARGETS[name].feed(seed)


@pytest.mark.parametrize("name", sorted(TARGETS))
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_refused_in_words(name, data):
    """Bytes that mean nothing raise nothing but the error that is meant for them."""
    TARGETS[name].feed(data)
