"""The page's socket: where it listens, the certificate made for it, and its end when nobody is there.

Owns the rule that nothing is open by default: this machine alone reaches the page, unless an address is
named; then it is served by TLS with a certificate that is made for this run, whose fingerprint stands on the
terminal. There is no way to have it on the network without.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import EdgeError
from edge.setup.access import Access
from edge.setup.desk import Desk
from edge.setup.site import Site
from sync.station.gate import Certificates, Gate, GateProblem, Limits

PORT: Final = 8440
_REQUEST_S: Final = 60.0
"""A trial on a small node takes up to 20 s, and a phone far from the router loads slowly."""
_DAYS: Final = "2"


class CannotServe(EdgeError):
    """The page cannot be opened so; the text says what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Where the page is.

    Attributes:
        urls: Its addresses, the best one first.
        fingerprint: SHA-256 of its certificate, in pairs of hexadecimal digits; empty without TLS.
    """

    urls: tuple[str, ...]
    fingerprint: str = ""


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def open_page(
    desk: Desk,
    access: Access,
    *,
    address: str = "127.0.0.1",
    port: int = PORT,
    own: tuple[Path, Path] | None = None,
) -> Iterator[Opened]:
    """Serve the page until the block ends.

    Args:
        desk: What is behind it.
        access: Who may come in.
        address: To listen on; other than this machine's own (loopback) ones it is served by TLS.
        port: TCP port; 0 for any.
        own: A certificate and its key (PEM files) to use instead of one made for this run.

    Raises:
        CannotServe: No certificate can be made, or the address cannot be listened on.
        SyncError: The certificate that was given cannot be used.
    """
    secure = own is not None or not is_loopback(address)
    with tempfile.TemporaryDirectory(prefix="tuquan-setup-") as folder:
        files = (own or _make_certificate(Path(folder), address)) if secure else None
        gate = Gate(
            Site(desk, access, secure=secure, hosts=_hosts(address)).application,
            host="127.0.0.1" if address == "localhost" else address,
            port=port,
            certificates=Certificates(*files, None) if files else None,
            limits=Limits(connections=32, each=16, request_s=_REQUEST_S),
        )
        try:
            gate.start()
        except GateProblem as error:
            raise CannotServe(
                f"The page cannot be opened on {address} port {port} ({_why(error)}): name another "
                "--port, or one of this machine's own addresses."
            ) from error
        try:
            scheme = "https" if secure else "http"
            urls = tuple(f"{scheme}://{_bracketed(name)}:{gate.port}/" for name in _names(address))
            yield Opened(urls=urls, fingerprint=_fingerprint(files[0]) if files else "")
        finally:
            gate.stop()


def wait_until_idle(
    access: Access,
    stop: threading.Event,
    idle_s: float,
    clock_s: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until `stop` is set, or nobody has been there for `idle_s`.

    Returns:
        Whether it was idleness that ended it.
    """
    since_s = clock_s()
    while not stop.wait(0.5):
        if access.idle_s(since_s) > idle_s:
            return True
    return False


def _why(error: GateProblem) -> str:
    return getattr(error.__cause__, "strerror", None) or str(error)


def _make_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A key and a certificate for this run alone, by the openssl program."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if shutil.which("openssl") is None:
        raise CannotServe(
            "There is no openssl here to make a certificate with: install it (apt install openssl), give "
            "your own with --cert-file and --key-file, or leave --listen out and come by ssh -L."
        )
    names = ",".join(f"{_san_kind(name)}:{name}" for name in _names(address))
    call = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", _DAYS),
        *("-subj", "/CN=tuquan setup", "-addext", f"subjectAltName={names}"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
    ]
    made = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    if made.returncode:
        raise CannotServe(f"openssl made no certificate: {made.stderr.strip()[-200:]}")
    return certificate, key


def _fingerprint(certificate: Path) -> str:
    pem = certificate.read_text(encoding="ascii", errors="replace")
    first = pem[pem.index("-----BEGIN CERT") : pem.index("-----END CERTIFICATE-----")]
    der = ssl.PEM_cert_to_DER_cert(f"{first}-----END CERTIFICATE-----\n")
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def _names(address: str) -> list[str]:
    """By what the page can be called: the address, or all of this machine's where it listens on all."""
    try:
        unspecified = ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return [address]
    if not unspecified:
        return [address]
    return [*filter(None, [_outward()]), f"{socket.gethostname().partition('.')[0]}.local"]


def _outward() -> str:
    """This machine's address towards its network; no packet is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # RFC 5737: an address of nobody
        return str(probe.getsockname()[0])
    return ""


def _hosts(address: str) -> frozenset[str]:
    """What may stand in the Host header."""
    names = {_bracketed(name).lower() for name in _names(address)}
    if is_loopback(address):
        names |= {"127.0.0.1", "localhost", "[::1]"}
    return frozenset(names | {socket.gethostname().lower()} if not is_loopback(address) else names)


def _san_kind(name: str) -> str:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name
