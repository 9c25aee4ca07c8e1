"""What can be set about the way out: the brokers and how the uplink uses them.

Owns the dataclasses only; `edge` reads them from the configuration file and shows their `help` to people.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit


class Confirm(StrEnum):
    """Whose word is proof that an alert was delivered.

    A PUBACK is no proof that a broker has a message on its disk, let alone that anybody was there to take it.
    """

    STATION = "station"
    BROKER = "broker"


class Profile(StrEnum):
    """How often a silent line is looked after."""

    MAINS = "mains"
    METERED = "metered"

    @property
    def keepalive_s(self) -> int:
        """The MQTT keepalive in seconds; a dead silent line is noticed after at most twice that."""
        return 12 if self is Profile.MAINS else 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """One MQTT 5 broker, and how the node proves who it is."""

    host: str = field(
        metadata={
            "help": "Name or address of the broker; with TLS, a name or address in its certificate.",
            "example": "mqtt.phuong-ben-nghe.example",
        }
    )
    port: int = field(default=8883, metadata={"help": "TCP port of the broker.", "min": 1, "max": 65535})
    tls: bool = field(
        default=True, metadata={"help": "Encrypt and verify; false only for a broker on this machine."}
    )
    ca_file: Path | None = field(
        default=None,
        metadata={
            "help": "PEM file of the authority behind the broker's certificate; the system's ones if absent.",
            "example": "/etc/tuquan/ca.pem",
        },
    )
    cert_file: Path | None = field(
        default=None,
        metadata={"help": "PEM file of this node's certificate.", "example": "/etc/tuquan/node.pem"},
    )
    key_file: Path | None = field(
        default=None,
        metadata={"help": "PEM file of this node's private key.", "example": "/etc/tuquan/node.key"},
    )
    username: str = field(default="", metadata={"help": "User name at the broker; empty for none."})
    password_file: Path | None = field(
        default=None,
        metadata={
            "help": "File whose first line is the password; only the node's user should be able to read it.",
            "example": "/etc/tuquan/credentials/broker-password",
        },
    )

    @property
    def name(self) -> str:
        """host:port, as people read it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if not self.host or any(mark in self.host for mark in "/ @"):
            yield (
                "host",
                f"{self.host!r} is not a host: give a name or an address, without mqtts:// or a port.",
            )
        if not self.tls and not _is_loopback(self.host):
            yield (
                "tls",
                f"Only a broker on this machine may go without TLS, and {self.host} is not: set true.",
            )
        if (self.cert_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "cert_file"
            yield missing, "A client certificate needs both cert_file and key_file: give both or neither."
        if self.password_file is not None and not self.username:
            yield "username", "A password needs a user name: give username, or take password_file away."
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            yield "tls", "Certificates are named, but TLS is off: set tls = true or take the files away."


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """How the uplink sends what the outbox holds."""

    confirm: Confirm = field(
        default=Confirm.STATION,
        metadata={
            "help": "Who must confirm an alert before it leaves the outbox: the station, whose archive "
            "is on disk, or, where the commune has no station, the broker, which may lose what it confirmed."
        },
    )
    fault_after_s: float = field(
        default=60.0,
        metadata={
            "help": "An alert unconfirmed for so long lights the fault lamp (EN 54-21 type 1: within 100 s).",
            "unit": "s",
            "min": 5,
            "max": 600,
        },
    )
    profile: Profile = field(
        default=Profile.MAINS,
        metadata={"help": "mains looks after the line every 12 s, metered (paid by the byte) every 60 s."},
    )
    window: int = field(
        default=16,
        metadata={"help": "Messages in flight at most; the broker may ask for fewer.", "min": 1, "max": 100},
    )
    window_kb: int = field(
        default=64,
        metadata={
            "help": "Bytes in flight at most, so that a press never waits behind many pictures.",
            "unit": "KB",
            "min": 4,
            "max": 4096,
        },
    )
    batch: bool = field(
        default=True,
        metadata={
            "help": "Events that wait travel many in one message (…/event/batch); alerts always travel alone."
        },
    )
    ack_timeout_s: float = field(
        default=5.0,
        metadata={
            "help": "No answer and no progress on the line for so long: a new connection.",
            "unit": "s",
            "min": 0.1,
            "max": 120,
        },
    )
    connect_timeout_s: float = field(
        default=10.0,
        metadata={
            "help": "Looking up the name and connecting; as long again TLS, and the broker's welcome.",
            "unit": "s",
            "min": 0.1,
            "max": 120,
        },
    )
    retry_first_s: float = field(
        default=1.0,
        metadata={
            "help": "Longest first wait before trying again; doubled each time, and chance picks below it.",
            "unit": "s",
            "min": 0.01,
            "max": 60,
        },
    )
    retry_max_s: float = field(
        default=60.0,
        metadata={"help": "Longest wait before trying again.", "unit": "s", "min": 0.1, "max": 3600},
    )
    failback_after_s: float = field(
        default=300.0,
        metadata={
            "help": "How long another broker serves before the first one in the list is tried again.",
            "unit": "s",
            "min": 0.1,
            "max": 86400,
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if self.retry_max_s < self.retry_first_s:
            yield "retry_max_s", f"It must be at least retry_first_s, which is {self.retry_first_s:g} s."


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPathSettings:
    """How presses reach the station by HTTPS when no broker takes them."""

    url: str = field(
        default="",
        metadata={
            "help": "Where the station takes messages by HTTPS; empty for no second path.",
            "example": "https://tram.phuong-ben-nghe.example:8443/v1/messages",
        },
    )
    token_file: Path | None = field(
        default=None,
        metadata={
            "help": "File with the token that `tuquan station token` made for this node.",
            "example": "/etc/tuquan/credentials/intake-token",
        },
    )
    ca_file: Path | None = field(
        default=None,
        metadata={
            "help": "PEM file of whoever signed the station's certificate; if absent, the system's ones.",
            "example": "/etc/tuquan/ca.pem",
        },
    )
    cert_file: Path | None = field(
        default=None,
        metadata={"help": "PEM file of this node's certificate.", "example": "/etc/tuquan/node.pem"},
    )
    key_file: Path | None = field(
        default=None,
        metadata={"help": "PEM file of this node's private key.", "example": "/etc/tuquan/node.key"},
    )
    proxy: str = field(
        default="",
        metadata={
            "help": "HTTP proxy to go through; the environment's one never counts.",
            "example": "http://192.0.2.1:3128",
        },
    )
    timeout_s: float = field(
        default=10.0,
        metadata={
            "help": "Looking up the name, connecting, TLS and the whole answer together.",
            "unit": "s",
            "min": 0.5,
            "max": 60,
        },
    )
    check_every_s: float = field(
        default=21_600.0,
        metadata={
            "help": "How often the path is checked, so that an emergency is not its first use.",
            "unit": "s",
            "min": 60,
            "max": 86400,
        },
    )

    @property
    def host(self) -> str:
        """Whose certificate it has to be."""
        return _parts(self.url)[1]

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if self.url:
            yield from self._url_problems()
            if self.token_file is None:
                yield "token_file", "The station knows this node by its token: name the file that holds it."
        if (self.cert_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "cert_file"
            yield missing, "A client certificate needs both cert_file and key_file: give both or neither."
        if self.proxy and (_parts(self.proxy)[0] != "http" or not _parts(self.proxy)[1]):
            yield "proxy", "This is not the address of a proxy; write it such as http://192.0.2.1:3128."

    def _url_problems(self) -> Iterator[tuple[str, str]]:
        scheme, host, plain = _parts(self.url)
        if not host or not plain or scheme not in ("http", "https"):
            yield "url", "This is not an address such as https://station.example:8443/v1/messages."
        elif scheme == "http" and not _is_loopback(host):
            yield (
                "url",
                f"Only a station on this machine may go without TLS, and {host} is not: write https://.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    """How pictures travel to the station."""

    max_kbit: int = field(
        default=512,
        metadata={
            "help": "Pictures take this much of the line at most, so that alerts find it free.",
            "unit": "kbit/s",
            "min": 32,
            "max": 1_000_000,
        },
    )


def _parts(url: str) -> tuple[str, str, bool]:
    """Scheme and host of an address, and whether there is nothing odd about it; empty for what is none."""
    try:
        parts = urlsplit(url)
        odd = parts.username or parts.password or parts.query or parts.fragment or parts.port == 0
    except ValueError:
        return "", "", False
    return parts.scheme, parts.hostname or "", not odd and url.isprintable() and " " not in url


def _is_loopback(host: str) -> bool:
    """Whether a host can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
