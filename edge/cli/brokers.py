"""Which broker a command of the command line goes to: the options, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from edge.errors import EdgeError
from sync.settings import BrokerSettings

FILE = click.Path(path_type=Path, dir_okay=False)

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--broker", "address", help="The broker, HOST or HOST:PORT; 8883 with TLS if not given."),
    click.option(
        "--config", type=FILE, help="Or: the first broker of this node configuration, as that node."
    ),
    click.option("--username", default="", help="User name at the broker."),
    click.option("--password-file", type=FILE, help="File whose first line is the password."),
    click.option("--ca-file", type=FILE, help="PEM file of the authority behind the broker's certificate."),
    click.option("--cert-file", type=FILE, help="PEM file of your certificate."),
    click.option("--key-file", type=FILE, help="PEM file of your private key."),
    click.option("--plain", "plain_tcp", is_flag=True, help="Without TLS; only to this machine."),
)


class WrongBroker(EdgeError, ValueError):
    """The options that name a broker do not fit together."""


def broker_options(function: F) -> F:
    """The options that name a broker, for `chosen_broker`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def chosen_broker(
    address: str | None, config: Path | None, *, plain_tcp: bool, **rest: object
) -> BrokerSettings:
    """The broker that the options name; one on this machine where none is named.

    Raises:
        ConfigError: The configuration cannot be used.
        WrongBroker: They do not fit together.
    """
    if config is not None:
        from edge.config import load  # noqa: PLC0415 - only then

        return load(config).broker[0]
    address = address or "localhost"
    host, _, port = address.rpartition(":") if address.count(":") == 1 else (address.strip("[]"), "", "")
    if port and not port.isdigit():
        raise WrongBroker(f"--broker {address}: the port has to be a number, such as {host}:8883.")
    number = int(port) if port else (1883 if plain_tcp else 8883)
    broker = BrokerSettings(host=host, port=number, tls=not plain_tcp, **rest)  # type: ignore[arg-type]
    problems = list(broker.problems())
    if problems:
        name, remedy = problems[0]
        option = "plain" if name == "tls" else name.replace("_", "-")
        raise WrongBroker(f"--{option}: {remedy}")
    return broker
