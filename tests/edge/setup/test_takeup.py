"""Whoever saves while a process starts is heard, whatever the moment: it ends with the new configuration."""

from __future__ import annotations

import threading

import pytest

from edge import alarm, vision
from edge.config import load
from edge.errors import ConfigError
from edge.reloading import ReloadWatch, ask_reload
from edge.takeup import take_up
from edge.tomlfile import revision_of

UNTIL_S = 10.0


@pytest.fixture
def save(desk):
    """A function that saves another name for the zone, as the page does."""

    def as_(name):
        found = desk.configuration()
        draft = {key: found[key] for key in ("mask", "zone", "line", "rule")} | {"thresholds": {}}
        draft["zone"][0]["name"] = draft["rule"][0]["zone"] = name
        answer = desk.save(found["revision"], draft)
        assert (answer["saved"], answer["told"]) == (True, True)
        return answer["revision"]

    return as_


@pytest.fixture
def run_vision(file, monkeypatch):
    """A function that runs the vision process; whether it is to be started again."""
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("file:street.avi", ""), encoding="utf-8")
    monkeypatch.setattr(vision, "_stand_back", lambda: None)
    monkeypatch.setattr(vision, "spare_memory", lambda: None)

    def run():
        stop = threading.Event()
        late = threading.Timer(UNTIL_S, stop.set)
        late.start()
        again = vision.run(file, stop)
        late.cancel()
        return again

    return run


def once(action):
    """A function that does something the first time only."""
    waiting = [action]
    return lambda: waiting.pop()() if waiting else None


@pytest.mark.parametrize("part", ["SystemClock", "Outbox", "Teller"])
def test_what_is_saved_while_the_parts_are_opened_is_taken_up(part, run_vision, save, monkeypatch):
    """An outbox with much in it takes seconds; a second Save in them was lost, and its masks with it."""
    real, saving = getattr(vision, part), once(lambda: save("Cổng Nam"))

    def opened(*args, **more):
        saving()
        return real(*args, **more)

    monkeypatch.setattr(vision, part, opened)
    assert run_vision()


def test_what_is_saved_after_the_file_was_read_is_read(file, save, monkeypatch):
    """Before the watch has begun: what it finds there first is the stamp of this very saving."""
    real, saving = ReloadWatch.__init__, once(lambda: save("Cổng Nam"))

    def begun(self, *args):
        saving()
        real(self, *args)

    monkeypatch.setattr(ReloadWatch, "__init__", begun)
    taken = take_up(file)
    assert taken.config.zone[0].name == "Cổng Nam"
    assert taken.revision == revision_of(file.read_bytes())
    assert not taken.reload.asked


def test_what_is_saved_once_it_was_taken_up_is_asked_for(file, save):
    """However soon after the saving before it."""
    for number in range(20):
        revision = save(f"Cổng {number}")
        taken = take_up(file)
        assert (taken.revision, taken.reload.asked) == (revision, False)
        save(f"Cổng {number} mới")
        assert taken.reload.asked


def test_two_wishes_within_a_tick_of_the_kernel_are_two(run):
    """A saving asks in less than the four milliseconds by which files are stamped otherwise."""
    for _ in range(100):
        assert ask_reload(run)
        watch = ReloadWatch(run)
        assert ask_reload(run)
        assert watch.asked


def test_a_file_that_goes_away_meanwhile_is_said(file, monkeypatch):
    """With the words of any other start."""
    real = ReloadWatch.__init__

    def begun(self, *args):
        file.unlink()
        real(self, *args)

    monkeypatch.setattr(ReloadWatch, "__init__", begun)
    with pytest.raises(ConfigError, match="no such file"):
        take_up(file)


def test_the_alarm_process_asks_where_the_vision_process_watches(file, tmp_path):
    """That one may have begun after the runtime directory was moved, the alarm process before."""
    old, new = load(file), tmp_path / "new"
    new.mkdir()
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"{tmp_path}/run", str(new)), encoding="utf-8")
    later, before = take_up(file).reload, ReloadWatch(old.storage.runtime_directory)
    alarm._ask_vision(old, file)
    assert (later.asked, before.asked) == (True, True)
