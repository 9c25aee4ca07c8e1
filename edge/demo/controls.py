"""What each key of the demo does, and what it says about it."""

from __future__ import annotations

from edge.demo.screen import AlertLine, Screen, View
from edge.demo.world import Caught, World
from edge.events import Language
from edge.messages import LIFE_SAFETY
from edge.words import show_time


class Controls:
    """Keys in, views out.

    Args:
        world: What the keys act on.
        screen: Whose words the notes are in.

    Attributes:
        going: False once somebody wants to leave.
    """

    def __init__(self, world: World, screen: Screen) -> None:
        self.going = True
        self._world = world
        self._screen = screen
        self._note = ""
        self._acts = {
            "p": self._press,
            "s": self._smoke,
            "t": self._tamper,
            "n": self._cable,
            "k": self._kill,
            "q": self._quit,
            "\x03": self._quit,
        }

    def take(self, key: str) -> None:
        """Do what a key means; other keys do nothing."""
        act = self._acts.get(key)
        if act is not None:
            act()

    def view(self) -> View:
        """What there is to show now."""
        return View(
            snapshot=self._world.snapshot(),
            alive=self._world.alive,
            cut=not self._world.cable.whole,
            archived=len(self._world.archived),
            receipts=len(self._world.receipted),
            alerts=[self._line(caught) for caught in self._world.alerts[-40:]],
            note=self._note,
        )

    def _line(self, caught: Caught) -> AlertLine:
        received, language = caught.received, self._screen.language
        alert = received.alert
        return AlertLine(
            time=show_time(received.happened).partition(" ")[2],
            text=alert.headline.vi if language is Language.VI else alert.headline.en,
            device=alert.device,
            took_s=caught.took_s,
            archived=received.envelope.id in self._world.archived,
            active=alert.active,
            delayed=caught.took_s > 1,
            life_safety=alert.kind in LIFE_SAFETY,
        )

    def _press(self) -> None:
        self._note = self._screen.say("did.press" if self._world.press() else "nobody")

    def _smoke(self) -> None:
        self._note = self._screen.say("did.smoke" if self._world.smoke() else "nobody")

    def _tamper(self) -> None:
        self._note = self._screen.say("did.tamper" if self._world.tamper() else "nobody")

    def _cable(self) -> None:
        self._note = self._screen.say("did.joined" if self._world.toggle_cable() else "did.cut")

    def _kill(self) -> None:
        self._world.kill_node()
        self._note = self._screen.say("did.kill")

    def _quit(self) -> None:
        self.going = False
