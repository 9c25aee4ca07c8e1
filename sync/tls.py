"""Who the broker is and who we are: the TLS context of a connection, and its failures in plain sentences.

Owns certificates, keys and the password file. The broker's certificate and its name are always verified;
there is no switch for that, here or in the configuration.
"""

from __future__ import annotations

import logging
import ssl
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

from sync.errors import SyncError

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_CHECKS: Final = {  # X509_V_ERR_… of OpenSSL's x509_vfy.h
    9: "the broker's certificate is not valid yet; is this node's clock right?",
    10: "the broker's certificate has expired, or this node's clock is wrong",
    18: "the broker's certificate is signed by itself, not by the authority in ca_file",
    19: "the broker's certificate comes from an authority that is not the one in ca_file",
    20: "the broker's certificate comes from an authority that is not the one in ca_file",
    21: "the broker's certificate comes from an authority that is not the one in ca_file",
    62: "the broker's certificate is for another name than {host}",
    64: "the broker's certificate is for another address than {host}",
}
_ALERTS: Final = (  # words in OpenSSL's reason, and what they mean here
    ("CERTIFICATE_REQUIRED", "the broker wants a client certificate: set cert_file and key_file"),
    ("ALERT_CERTIFICATE_EXPIRED", "the broker says that this node's certificate has expired"),
    ("ALERT_CERTIFICATE_REVOKED", "the broker says that this node's certificate was revoked"),
    ("ALERT_UNKNOWN_CA", "the broker does not know the authority that signed this node's certificate"),
    ("ALERT_BAD_CERTIFICATE", "the broker does not accept this node's certificate"),
    ("ALERT_HANDSHAKE_FAILURE", "the broker refused the handshake; does it want a client certificate?"),
    ("WRONG_VERSION_NUMBER", "the other end does not speak TLS on this port"),
    ("RECORD_LAYER_FAILURE", "the other end does not speak TLS on this port"),
    ("UNSUPPORTED_PROTOCOL", "the broker only offers a version of TLS that is too old"),
    ("UNEXPECTED_EOF", "the other end closed the connection during the TLS handshake"),
)


class TlsProblem(SyncError, ValueError):
    """A certificate, key or password file that cannot be used; the text says which and why."""


class Identity(Protocol):
    """The files that say whom to trust and who we are: a broker's settings, or the second path's."""

    @property
    def ca_file(self) -> Path | None: ...  # noqa: D102

    @property
    def cert_file(self) -> Path | None: ...  # noqa: D102

    @property
    def key_file(self) -> Path | None: ...  # noqa: D102


def client_context(broker: Identity) -> ssl.SSLContext:
    """The context for one connection, with the files as they are now.

    Raises:
        TlsProblem: a file is missing, unreadable, not PEM, or key and certificate do not belong together.
    """
    if broker.ca_file is not None:
        _readable("ca_file", broker.ca_file)
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
    except (ssl.SSLError, ValueError) as error:
        raise TlsProblem(f"ca_file {broker.ca_file} is not a PEM file with certificates.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.cert_file is not None and broker.key_file is not None:
        _load_own(context, broker.cert_file, broker.key_file)
    return context


def server_context(certificate: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """The context of a server of ours: TLS 1.2 or newer.

    Args:
        certificate: PEM file of the server's certificate, with those in between it and the authority.
        key: PEM file of its private key.
        client_ca: PEM file of the authority that every caller's certificate must come from; None: callers
            need no certificate.

    Raises:
        TlsProblem: a file is missing, unreadable, not PEM, or key and certificate do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, certificate, key)
    if client_ca is not None:
        _readable("client_ca_file", client_ca)
        try:
            context.load_verify_locations(client_ca)
        except (ssl.SSLError, ValueError) as error:
            raise TlsProblem(f"client_ca_file {client_ca} is not a PEM file with certificates.") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    _readable("cert_file", certificate)
    _readable("key_file", key)
    try:
        # Without a password of ours OpenSSL would stop and ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            raise TlsProblem(f"key_file {key} does not match cert_file {certificate}.") from error
        if "ENCRYPTED" in _head(key):
            raise TlsProblem(
                f"key_file {key} is protected by a password; a node needs one without."
            ) from error
        wrong = key if "BEGIN CERTIFICATE" in certificate.read_text("ascii", "replace") else certificate
        raise TlsProblem(f"{wrong} is not a PEM file that can be used.") from error


def read_password(path: Path, field: str = "password_file") -> str:
    """The first line of a password file; warned about when everybody may read it.

    Args:
        path: the file.
        field: the setting that names it, for the message.

    Raises:
        TlsProblem: it cannot be read.
    """
    _readable(field, path)
    if path.stat().st_mode & 0o004:
        _warn_once(path)
    try:
        return path.read_text("utf-8").split("\n", 1)[0].rstrip("\r")
    except ValueError as error:
        raise TlsProblem(f"{field} {path} is not UTF-8 text.") from error


def explain(error: OSError, host: str) -> str:
    """A TLS failure as a sentence without a full stop."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _CHECKS.get(error.verify_code, error.verify_message)
        return f"certificate verify failed: {known.format(host=host)}"
    reason = str(getattr(error, "reason", None) or error)
    spoken = reason.upper().replace(" ", "_")
    return next((f"TLS: {words}" for mark, words in _ALERTS if mark in spoken), f"TLS: {reason}")


@cache
def _warn_once(path: Path) -> None:
    log.warning("Everybody on this machine can read the password in %s: chmod 640 it.", path)


def _head(path: Path) -> str:
    return path.read_text("ascii", "replace")[:400]


def _readable(field: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except FileNotFoundError as error:
        raise TlsProblem(f"{field} {path} does not exist.") from error
    except OSError as error:
        raise TlsProblem(f"{field} {path} cannot be read: {error.strerror}.") from error
