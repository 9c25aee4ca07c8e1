"""Wake-ups over a Unix datagram socket."""

import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sync.errors import WakeError
from sync.wake import WakeListener, send_wake

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wake"


def readable(listener, timeout_s=5.0):
    return bool(select.select([listener], [], [], timeout_s)[0])


def test_a_wake_up_arrives_with_its_hint(path):
    """What was sent can be selected upon and is drained once."""
    with WakeListener(path) as listener:
        assert send_wake(path, {"cls": 0})
        assert send_wake(path)
        assert readable(listener)
        assert listener.drain() == [{"cls": 0}, {}]
        assert listener.drain() == []
        assert not readable(listener, 0)


def test_another_process_can_wake(path):
    """The vision process wakes the alarm process."""
    code = "import sys, pathlib, sync.wake; sync.wake.send_wake(pathlib.Path(sys.argv[1]), {'n': 1})"
    with WakeListener(path) as listener:
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=30, cwd=REPOSITORY)
        assert readable(listener)
        assert listener.drain() == [{"n": 1}]


def test_nobody_listening_is_no_error(path):
    """A sender never raises: without a listener, with a dead one, on a path that cannot be."""
    assert not send_wake(path)
    WakeListener(path).close()
    assert not send_wake(path)
    path.write_text("not a socket", encoding="ascii")
    assert not send_wake(path)
    assert not send_wake(path / ("x" * 200))
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert not send_wake(path, endless)


def test_a_listener_that_sleeps_does_not_block_the_sender(path):
    """A full queue loses wake-ups instead of holding up a press."""
    with WakeListener(path) as listener:
        answers = [send_wake(path, {"n": number}) for number in range(2000)]
        assert not answers[-1]
        assert listener.drain()[0] == {"n": 0}
        assert send_wake(path)


def test_what_is_no_json_object_wakes_all_the_same(path):
    """Noise from a stranger is an empty wake-up, not a crash."""
    with WakeListener(path) as listener, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for noise in (b"\xff\xfe", b"[1]", b"", b"7"):
            stranger.sendto(noise, str(path))
        assert listener.drain() == [{}, {}, {}, {}]


def test_a_hint_that_is_too_long_is_left_out(path):
    """The wake-up arrives, its hint does not."""
    with WakeListener(path) as listener:
        assert send_wake(path, {"text": "x" * 10_000})
        assert listener.drain() == [{}]


def test_a_socket_left_behind_by_a_killed_process_is_replaced(path):
    """After kill -9 the next start works without a cleaner."""
    left = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.bind(str(path))
    left.close()
    with WakeListener(path) as listener:
        assert send_wake(path)
        assert listener.drain() == [{}]


def test_a_second_listener_is_refused(path):
    """Two nodes on one directory are a mistake, and the first one keeps its socket."""
    with WakeListener(path) as first:
        with pytest.raises(WakeError, match="another tuquan"):
            WakeListener(path)
        assert send_wake(path)
        assert first.drain() == [{}]


def test_a_file_that_is_no_socket_is_left_alone(path):
    """Somebody's file is not deleted for our socket."""
    path.write_text("precious", encoding="ascii")
    with pytest.raises(WakeError):
        WakeListener(path)
    assert path.read_text(encoding="ascii") == "precious"


@pytest.mark.parametrize("name", ["no-such-directory/wake", "x" * 200])
def test_an_impossible_path_is_a_clear_error(tmp_path, name):
    """The message says which path and what would be right."""
    with pytest.raises(WakeError, match="director"):
        WakeListener(tmp_path / name)


def test_close_removes_the_socket_and_only_its_own(path):
    """Closing twice is harmless; a successor's socket stays."""
    first = WakeListener(path)
    path.unlink()
    second = WakeListener(path)
    first.close()
    first.close()
    assert first.fileno() == -1
    assert send_wake(path)
    second.close()
    assert not path.exists()
