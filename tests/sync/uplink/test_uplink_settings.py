"""Back-off and settings: how long to wait, and what cannot be meant."""

import random
from dataclasses import fields
from pathlib import Path

import pytest

from sync.backoff import Backoff
from sync.settings import BrokerSettings, Profile, UplinkSettings


def problems(**options):
    return dict(BrokerSettings(**({"host": "broker.example"} | options)).problems())


def test_back_off_doubles_up_to_its_limit_and_chance_picks_below():
    """Full jitter: each wait lies between nothing and a ceiling that doubles."""
    backoff = Backoff(1.0, 60.0, random.Random(1))
    ceilings = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    waits = [backoff.next_s() for _ in ceilings]
    assert all(0 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert max(waits) > 8


def test_back_off_starts_again_after_a_success():
    """One good connection and the next failure is answered quickly."""
    backoff = Backoff(1.0, 60.0, random.Random(1))
    for _ in range(10):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_thousand_nodes_do_not_come_back_together():
    """After the same power cut the first attempts are spread over the whole first second."""
    waits = sorted(Backoff(1.0, 60.0).next_s() for _ in range(1000))
    assert all(len([w for w in waits if tenth / 10 <= w < (tenth + 1) / 10]) > 50 for tenth in range(10))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_broker_on_this_machine_may_go_without_tls(host):
    """Loopback is the only exception to TLS."""
    assert problems(host=host, tls=False) == {}


@pytest.mark.parametrize("host", ["10.0.0.1", "broker.local", "192.168.1.2", "localhost.example", "::2"])
def test_any_other_broker_may_not(host):
    """A private network is not this machine."""
    assert "set true" in problems(host=host, tls=False)["tls"]


def test_what_does_not_fit_together_is_told_by_field():
    """Each half without its other half is named."""
    assert "key_file" in problems(cert_file=Path("a"))
    assert "cert_file" in problems(key_file=Path("a"))
    assert "username" in problems(password_file=Path("a"))
    assert "host" in problems(host="")
    assert "host" in problems(host="mqtts://broker.example")
    assert "tls" in problems(host="localhost", tls=False, ca_file=Path("a"))
    assert problems(cert_file=Path("a"), key_file=Path("b"), username="gate", password_file=Path("c")) == {}
    assert dict(UplinkSettings(retry_first_s=9, retry_max_s=1).problems()).keys() == {"retry_max_s"}
    assert dict(UplinkSettings().problems()) == {}


def test_profiles_are_the_keepalives_of_the_design():
    """Mains looks every 12 s, metered every 60 s."""
    assert (Profile.MAINS.keepalive_s, Profile.METERED.keepalive_s) == (12, 60)


def test_ipv6_addresses_are_written_in_brackets():
    """host:port stays readable."""
    assert BrokerSettings(host="::1", port=1883).name == "[::1]:1883"
    assert BrokerSettings(host="b", port=1).name == "b:1"


def test_every_field_has_help():
    """The configuration's documentation is made of these."""
    for cls in (BrokerSettings, UplinkSettings):
        assert all(field.metadata["help"].endswith((".", "!")) for field in fields(cls))


def test_there_is_no_switch_for_verification():
    """No field turns the verification of the broker off."""
    assert not [
        field.name for field in fields(BrokerSettings) if "verify" in field.name or "insecure" in field.name
    ]
