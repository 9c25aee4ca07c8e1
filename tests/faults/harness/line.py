"""A line of the node's own: a network namespace, a pair of virtual cables, and a filter that eats packets.

Needs root, iproute2 and nftables; to be narrow, a kernel with sch_tbf. The filter lives in the namespace:
this machine's own rules are not touched. Over a line that is not this machine's loopback a node speaks TLS
only, so there is an authority for a day.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import trustme

from tests.faults.harness.node import BROKER

NAME = "broker.thu"
PORT = 18883

_NUMBERS = itertools.count()
_CHAINS = ("in", "out")


def missing():
    """Why there can be no such line here; nothing when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "nft"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            return f"{program} is not installed"
    probe = f"tq{os.getpid()}x"
    if not _does("ip", "netns", "add", probe):
        return "this machine allows no network namespaces"
    nft = _does("ip", "netns", "exec", probe, "nft", "add table inet probe")
    _does("ip", "netns", "del", probe)
    return "" if nft else "nftables do not work in a network namespace here"


def missing_narrow():
    """The same of one that can be narrow."""
    if reason := missing():
        return reason
    probe = f"tq{os.getpid()}y"
    _does("ip", "netns", "add", probe)
    narrow = _does("ip", "netns", "exec", probe, "tc", "qdisc", "add", "dev", "lo", "root", *_bucket(128))
    _does("ip", "netns", "del", probe)
    return "" if narrow else "tc can set up no token bucket (sch_tbf) here"


def _bucket(kbit):
    """A token bucket with the long queue that slow modems have."""
    return ("tbf", "rate", f"{kbit}kbit", "burst", "1600", "limit", "200000")


def _does(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command):
    subprocess.run(command, capture_output=True, check=True, text=True)


class Line:
    """A context manager; while it stands, `wrapper` starts processes at its far end.

    Args:
        folder: where certificates go.

    Attributes:
        here: this end's address, where brokers listen.
    """

    def __init__(self, folder):
        number = os.getpid() * 7 + next(_NUMBERS)
        self._space, self._near, self._far = (f"tq{number % 10**7}{end}" for end in "snf")
        subnet = f"10.{200 + number // 64 // 256 % 50}.{number // 64 % 256}.{number % 64 * 4}"
        first = subnet.rpartition(".")[0]
        last = int(subnet.rpartition(".")[2])
        self.here, self._there = f"{first}.{last + 1}", f"{first}.{last + 2}"
        self._folder = folder
        self._etc = Path("/etc/netns") / self._space
        self.ca_file, self.cert_file = folder / "ca.pem", folder / "broker.pem"
        self.key_file = folder / "broker.key"

    @property
    def wrapper(self):
        """What the command line of a process at the far end begins with."""
        return ("ip", "netns", "exec", self._space)

    @property
    def listener(self):
        """The lines of mosquitto.conf that have it listen at this end, with TLS."""
        self._certify()
        return (f"listener {PORT} {self.here}", f"certfile {self.cert_file}", f"keyfile {self.key_file}")

    def _certify(self):
        """Papers for whoever listens at this end."""
        ca = trustme.CA()
        ca.cert_pem.write_to_path(self.ca_file)
        cert = ca.issue_cert(self.here, NAME)
        cert.private_key_pem.write_to_path(self.key_file)
        for place, blob in enumerate(cert.cert_chain_pems):
            blob.write_to_path(self.cert_file, append=place > 0)

    def broker(self, host=None):
        """The broker at this end, as the configuration of the node at the other has it."""
        plain = BROKER.format(host=host or self.here, port=PORT).replace("tls = false", "tls = true")
        return f'{plain}ca_file = "{self.ca_file}"\n'

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(self, *_):
        self._tear_down()

    def _build(self):
        _run("ip", "netns", "add", self._space)
        _run("ip", "link", "add", self._near, "type", "veth", "peer", "name", self._far)
        _run("ip", "link", "set", self._far, "netns", self._space)
        _run("ip", "addr", "add", f"{self.here}/30", "dev", self._near)
        _run("ip", "link", "set", self._near, "up")
        self._inside("ip", "addr", "add", f"{self._there}/30", "dev", self._far)
        self._inside("ip", "link", "set", self._far, "up")
        self._inside("ip", "link", "set", "lo", "up")
        self._nft("add table inet line")
        for chain, hook in zip(_CHAINS, ("input", "output"), strict=True):
            self._nft(f"add chain inet line {chain} {{ type filter hook {hook} priority 0; }}")

    def _tear_down(self):
        _does("ip", "netns", "del", self._space)
        _does("ip", "link", "del", self._near)
        shutil.rmtree(self._etc, ignore_errors=True)

    # ---- what may befall it

    def whole(self):
        """Carry everything."""
        self._nft("flush table inet line")

    def swallow(self):
        """Swallow everything in silence, both ways; nobody is told."""
        self._drop("")

    def break_off(self):
        """Answer everything with a TCP reset, as a router does that was started anew."""
        self.whole()
        for chain, way in zip(_CHAINS, ("iifname", "oifname"), strict=True):
            self._nft(f"add rule inet line {chain} {way} != lo meta l4proto tcp reject with tcp reset")

    def lose(self, percent):
        """Swallow so many of a hundred packets, each way."""
        self._drop(f"numgen random mod 100 < {percent}")

    def lose_large(self, above_bytes):
        """Swallow packets above a size, as a tunnel does whose errors are filtered on the way."""
        self._drop(f"meta length > {above_bytes}")

    def narrow(self, kbit):
        """Carry so many kbit/s each way, in order, behind a queue of 200 KB; for good."""
        _run("tc", "qdisc", "add", "dev", self._near, "root", *_bucket(kbit))
        self._inside("tc", "qdisc", "add", "dev", self._far, "root", *_bucket(kbit))

    def unplug(self):
        """Pull the cable: the far end has no carrier, and no way anywhere."""
        self._inside("ip", "link", "set", self._far, "down")

    def plug(self):
        """Put it back."""
        self._inside("ip", "link", "set", self._far, "up")

    def carried_bytes(self):
        """How much has come from the far end since there is this line."""
        return int(Path(f"/sys/class/net/{self._near}/statistics/rx_bytes").read_text("ascii"))

    def _drop(self, what):
        self.whole()
        for chain, way in zip(_CHAINS, ("iifname", "oifname"), strict=True):
            self._nft(f"add rule inet line {chain} {way} != lo {what} drop")

    # ---- names

    def resolve_by(self, address):
        """Have the far end ask this server for names; applies to processes that are started from now on."""
        self._etc.mkdir(parents=True, exist_ok=True)
        (self._etc / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")

    def _inside(self, *command):
        _run(*self.wrapper, *command)

    def _nft(self, command):
        self._inside("nft", command)
