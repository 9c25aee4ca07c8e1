"""A real mosquitto is found, or unpacked without root; a cable can be pulled."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge.demo.broker import (
    BrokerUnavailable,
    Mosquitto,
    Program,
    find_mosquitto,
    locate_mosquitto,
)
from edge.demo.cable import Cable


@pytest.fixture(scope="module")
def program(request):
    try:
        return locate_mosquitto(request.config.rootpath / ".cache")
    except BrokerUnavailable as error:
        pytest.skip(str(error))


def fake(folder, text, mode=0o755):
    path = folder / "mosquitto"
    path.write_text(f"#!/bin/sh\necho '{text}'\nexit 3\n")
    path.chmod(mode)
    return path


def open_to(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_first_mosquitto_that_is_new_enough_is_taken(tmp_path):
    """Too old, not executable and no mosquitto at all are passed over."""
    folders = []
    for name, text, mode in [
        ("old", "mosquitto version 1.6.12", 0o755),
        ("plain", "mosquitto version 2.0.21", 0o644),
        ("other", "something else", 0o755),
        ("good", "mosquitto version 2.0.21", 0o755),
        ("later", "mosquitto version 2.1.2", 0o755),
    ]:
        folder = tmp_path / name
        folder.mkdir()
        fake(folder, text, mode)
        folders.append(folder)
    found = find_mosquitto(folders)
    assert found == Program(path=tmp_path / "good" / "mosquitto", version=(2, 0, 21))
    assert find_mosquitto([tmp_path / "nowhere"]) is None


def test_without_apt_the_advice_is_one_sentence(tmp_path, monkeypatch):
    """Where nothing can be fetched, the text says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerUnavailable, match=r"sudo apt install mosquitto$"):
        locate_mosquitto(tmp_path / "cache", search=[])


def test_without_a_network_the_advice_is_one_sentence(tmp_path, monkeypatch):
    """Package tools that fail leave nothing behind and end in the same advice."""
    for tool in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"):
        (tmp_path / tool).write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BrokerUnavailable, match=r"E: no network\)\. Install it with"):
        locate_mosquitto(tmp_path / "cache", search=[])
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def system_python():
    """A Python that every user may run; ours may live in somebody's home."""
    for candidate in ("/usr/bin/python3", sys.executable):
        told = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info >= (3, 11))"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if told.stdout.strip() == "True":
            return candidate
    return sys.executable


_UNPACK = """
import sys
from pathlib import Path
from edge.demo.broker import Mosquitto, locate_mosquitto, unpack_mosquitto
cache = Path(sys.argv[1])
known = {"all": lambda name: False, "none": None}[sys.argv[2]]
said = []
if known:
    unpack_mosquitto(cache / "mosquitto", say=said.append, installed=known)
program = locate_mosquitto(cache, search=[], say=said.append)
again = locate_mosquitto(cache, search=[], say=lambda _: sys.exit("fetched twice"))
with Mosquitto(program, cache) as broker:
    print(program.path, broker.port, len(said), len(list(program.libraries.glob("*.so*"))))
assert broker.pid is None
"""


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no Debian")
@pytest.mark.parametrize("libraries", ["none", "all"])
def test_debians_package_is_unpacked_and_runs_as_an_ordinary_user(system_python, request, libraries):
    """As nobody, with the installed mosquitto out of sight: fetched, unpacked, run, and found again."""
    cache = Path("/tmp") / f"tuquan-unpack-{os.getpid()}-{libraries}"  # where nobody may come
    cache.mkdir()
    try:
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(cache, 65534, 65534)
            user = {"user": 65534, "group": 65534, "extra_groups": []}
        done = subprocess.run(
            [system_python, "-c", _UNPACK, str(cache), libraries],
            env={"PATH": "/usr/bin:/bin", "HOME": str(cache), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=request.config.rootpath, capture_output=True, text=True, check=False, timeout=110, **user,
        )  # fmt: skip
        if "could not be fetched" in done.stderr:
            pytest.skip(done.stderr.strip().splitlines()[-1])
        assert done.returncode == 0, done.stderr
        path, _, said, count = done.stdout.split()
        assert path == f"{cache}/mosquitto/usr/sbin/mosquitto"
        assert int(said) >= 1
        assert (int(count) >= 5) if libraries == "all" else True
        assert not (cache / "mosquitto" / "usr/sbin/mosquitto").stat().st_mode & stat.S_ISUID
    finally:
        shutil.rmtree(cache)


@pytest.mark.mosquitto
def test_broker_listens_on_loopback_only_and_keeps_its_port(program, tmp_path):
    """The port is free before, answers while it runs, and is the same after kill -9 and restart."""
    broker = Mosquitto(program, tmp_path)
    with broker:
        port, pid = broker.port, broker.pid
        assert open_to(port)
        table = Path("/proc/net/tcp").read_text().splitlines()
        listening = [line.split()[1] for line in table if line.split()[1].endswith(f":{port:04X}")]
        assert listening
        assert all(address.startswith("0100007F") for address in listening)
        broker.kill()
        assert not open_to(port)
        broker.start()
        assert broker.port == port
        assert broker.pid not in (None, pid)
        broker.restart()
        assert open_to(port)
    assert not open_to(port)
    broker.stop()
    assert "terminating" in broker.log


@pytest.mark.mosquitto
def test_broker_that_does_not_start_shows_its_last_words(program, tmp_path):
    """A wrong line of configuration is named by mosquitto itself."""
    with pytest.raises(BrokerUnavailable, match="no_such_setting"):
        Mosquitto(program, tmp_path, lines=["no_such_setting true"]).start()


@pytest.mark.mosquitto
def test_port_that_is_taken_is_told(program, tmp_path):
    """A fixed port is not silently replaced by another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        broker = Mosquitto(program, tmp_path, port=other.getsockname()[1])
        with pytest.raises(BrokerUnavailable, match="Address already in use"):
            broker.start()


@pytest.fixture
def echo():
    """A server that sends back what it gets."""
    import threading  # noqa: PLC0415 - only here

    server = socket.create_server(("127.0.0.1", 0))
    sockets = []

    def serve(sock):
        with sock:
            while data := sock.recv(65536):
                sock.sendall(data)

    def accept():
        try:
            while True:
                sock, _ = server.accept()
                sockets.append(sock)
                threading.Thread(target=_quietly, args=(serve, sock), daemon=True).start()
        except OSError:
            return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)
    for sock in sockets:
        sock.close()


def _quietly(serve, sock):
    try:
        serve(sock)
    except OSError:
        return


def receive(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        assert part
        data += part
    return data


def test_cable_carries_everything_both_ways(echo):
    """More than any buffer holds comes back whole."""
    with Cable("127.0.0.1", echo) as cable, socket.create_connection(("127.0.0.1", cable.port), 5) as sock:
        for _ in range(20):
            block = os.urandom(100_000)
            sock.sendall(block)
            assert receive(sock, len(block)) == block


def test_cut_cable_is_silent_and_goes_on_when_restored(echo):
    """Nothing moves and nobody is told; what waited arrives afterwards."""
    with Cable("127.0.0.1", echo) as cable, socket.create_connection(("127.0.0.1", cable.port), 5) as sock:
        sock.sendall(b"one")
        assert receive(sock, 3) == b"one"
        cable.cut()
        assert not cable.whole
        sock.sendall(b"two")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(3)
        cable.restore()
        sock.settimeout(5)
        assert receive(sock, 3) == b"two"


def test_reset_tears_connections_down_and_lets_new_ones_through(echo):
    """A reset is heard at once; the line itself stays whole."""
    with Cable("127.0.0.1", echo) as cable:
        with socket.create_connection(("127.0.0.1", cable.port), 5) as sock:
            sock.sendall(b"one")
            receive(sock, 3)
            cable.reset()
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with socket.create_connection(("127.0.0.1", cable.port), 5) as sock:
            sock.sendall(b"two")
            assert receive(sock, 3) == b"two"


def test_end_of_one_side_reaches_the_other(echo):
    """A half-closed connection still gets its answer, then ends."""
    with Cable("127.0.0.1", echo) as cable, socket.create_connection(("127.0.0.1", cable.port), 5) as sock:
        sock.sendall(b"bye")
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock, 3) == b"bye"
        assert sock.recv(1) == b""


def test_cable_to_nowhere_refuses(tmp_path):
    """When nobody listens at the far end, the near end is reset."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with (
            Cable("127.0.0.1", free.getsockname()[1]) as cable,
            pytest.raises(ConnectionResetError),  # while connecting already, where the far end is quick
            socket.create_connection(("127.0.0.1", cable.port), 5) as sock,
        ):
            sock.recv(1)


def test_cable_can_be_stopped_twice_and_without_start(echo):
    """Taking apart never fails, and leaves no thread."""
    idle = Cable("127.0.0.1", echo)
    idle.stop()
    busy = Cable("127.0.0.1", echo).start()
    started = time.monotonic()
    busy.stop()
    busy.stop()
    assert time.monotonic() - started < 2
    assert not busy._thread.is_alive()
