"""The demo's terminal: the node on the left, what the police receive on the right, the keys below.

Owns the picture only: it is given what there is to show and draws it, in Vietnamese or English.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.events import ClassCounts, Language
from edge.snapshot import Snapshot
from edge.words import phrase
from sensors.readings import State

LAMPS = ("pressed", "sent", "received", "seen", "fault")
_LAMP_STYLE = {
    "pressed": "yellow",
    "sent": "blue",
    "received": "green",
    "seen": "bright_green",
    "fault": "red",
}

_PHRASES: dict[str, tuple[str, str]] = {
    "node": ("Thiết bị tại chỗ", "The node"),
    "police": ("Công an nhận được", "What the police receive"),
    "lamps": ("Đèn", "Lamps"),
    "lamp.pressed": ("đã nhấn", "pressed"),
    "lamp.sent": ("đã gửi", "sent"),
    "lamp.received": ("đã nhận", "received"),
    "lamp.seen": ("đã xem", "seen"),
    "lamp.fault": ("sự cố", "fault"),
    "sensors": ("Cảm biến", "Sensors"),
    "camera": ("Camera", "Camera"),
    "outbox": ("Hộp gửi", "Outbox"),
    "waiting": ("{n} tin đang chờ", "{n} waiting"),
    "empty": ("trống: mọi tin đã được gửi", "empty: all was delivered"),
    "link": ("Đường truyền", "Link"),
    "up": ("đã kết nối", "connected"),
    "down": ("mất kết nối", "down"),
    "cut": ("đã ngắt cáp mạng", "network cable cut"),
    "faults": ("Sự cố", "Faults"),
    "none": ("không có", "none"),
    "dead": (
        "thiết bị bị tắt đột ngột (kill -9), đang khởi động lại …",
        "the node was killed (kill -9), starting …",
    ),
    "starting": ("đang khởi động …", "starting …"),
    "time": ("Giờ", "Time"),
    "alert": ("Tin báo", "Alert"),
    "took": ("Mất", "Took"),
    "kept": ("Lưu", "Kept"),
    "station": ("Trạm: đã lưu {n} tin, đã báo nhận {r} tin", "Station: {n} archived, {r} receipts sent"),
    "nothing": ("Chưa có tin. Hãy nhấn p.", "Nothing yet. Press p."),
    "keys": (
        "[b]p[/b] khẩn cấp  [b]s[/b] khói  [b]t[/b] tủ máy  [b]n[/b] cáp mạng [b]k[/b] kill [b]q[/b] thoát",
        "[b]p[/b] panic  [b]s[/b] smoke  [b]t[/b] tamper  [b]n[/b] cut/join  [b]k[/b] kill -9  [b]q[/b] quit",
    ),
    "did.press": ("Có người nhấn nút khẩn cấp.", "A resident pressed the button."),
    "did.smoke": ("Đầu báo khói đóng tiếp điểm trong 6 giây.", "The smoke detector's relay closes for 6 s."),
    "did.tamper": ("Có người mở tủ thiết bị trong 4 giây.", "Somebody opens the cabinet for 4 s."),
    "did.cut": (
        "Cáp mạng bị ngắt. Hãy nhấn p: tin sẽ chờ trong hộp gửi.",
        "The cable is cut. Press p: the alert waits in the outbox.",
    ),
    "did.joined": (
        "Cáp mạng đã nối lại: hộp gửi sẽ tự gửi đi.",
        "The cable is joined: the outbox empties by itself.",
    ),
    "did.kill": (
        "Đã tắt thiết bị bằng kill -9. Tin trong hộp gửi không mất.",
        "The node was killed with kill -9. What is in its outbox is safe.",
    ),
    "nobody": ("Thiết bị đang tắt: không ai nghe thấy.", "The node is down: nobody hears this."),
    "looks": ("{n:.1f} hình/giây", "{n:.1f} pictures/s"),
    "seconds": ("{n} giây", "{n} s"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One alert as the subscriber received it, ready to show.

    Attributes:
        time: When it happened, as people read it.
        text: The headline.
        device: Which device.
        took_s: Seconds from the event to its arrival.
        archived: Whether the station has it on its disk.
        active: False when it ends an incident.
        delayed: Whether it waited in the outbox.
        life_safety: Whether it is panic or smoke.
    """

    time: str
    text: str
    device: str
    took_s: float
    archived: bool
    active: bool
    delayed: bool
    life_safety: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that the screen shows at one moment."""

    snapshot: Snapshot | None
    alive: bool
    cut: bool
    alerts: Sequence[AlertLine]
    archived: int
    receipts: int
    note: str = ""


class Screen:
    """Draws a `View` in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, key: str, **values: object) -> str:
        """One of the screen's phrases."""
        return _PHRASES[key][self.language is Language.EN].format(**values)

    def draw(self, view: View) -> RenderableType:
        """The whole screen."""
        layout = Layout()
        layout.split_column(Layout(name="main"), Layout(self._keys(view), size=4))
        layout["main"].split_row(Layout(self._node(view), ratio=2), Layout(self._police(view), ratio=3))
        return layout

    def _keys(self, view: View) -> Panel:
        note = Text(view.note, style="bold") if view.note else Text("")
        return Panel(Group(Text.from_markup(self.say("keys")), note), box=box.ROUNDED)

    def _node(self, view: View) -> Panel:
        title = f"[b]{self.say('node')}[/b]"
        if view.snapshot is None or not view.alive:
            text = self.say("starting" if view.alive else "dead")
            return Panel(Text(text, style="bold" if view.alive else "bold red"), title=title, box=box.ROUNDED)
        table = Table.grid(padding=(0, 2, 1, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for key, cell in self._rows(view.snapshot, cut=view.cut):
            table.add_row(self.say(key), cell)
        return Panel(table, title=f"{title} {view.snapshot.node.rpartition('/')[2]}", box=box.ROUNDED)

    def _rows(self, now: Snapshot, *, cut: bool) -> list[tuple[str, RenderableType]]:
        return [
            ("lamps", self._lamps(now)),
            ("sensors", self._sensors(now)),
            ("camera", self._camera(now)),
            ("outbox", self._outbox(now.outbox)),
            ("link", self._link(now, cut=cut)),
            ("faults", self._faults(now)),
        ]

    def _lamps(self, now: Snapshot) -> Text:
        text = Text()
        for lamp in LAMPS:
            lit = lamp in now.lit
            text.append("● " if lit else "○ ", style=_LAMP_STYLE[lamp] if lit else "dim")
            text.append(self.say(f"lamp.{lamp}") + "\n", style=f"bold {_LAMP_STYLE[lamp]}" if lit else "dim")
        text.rstrip()
        return text

    def _sensors(self, now: Snapshot) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        for entry in now.devices:
            quiet = entry.state in (State.NORMAL, State.WARMING_UP)
            table.add_row(
                entry.device, Text(phrase(entry.state, self.language), style="green" if quiet else "bold red")
            )
        return table

    def _camera(self, now: Snapshot) -> Text:
        if now.vision is None:
            return Text(self.say("starting"), style="dim")
        rate = self.say("looks", n=now.vision.frames_per_second)
        state = phrase(State(now.vision.camera), self.language) if now.vision.camera else self.say("starting")
        return Text(f"{state} · {rate}\n{now.vision.model}")

    def _outbox(self, counts: ClassCounts) -> Text:
        waiting = counts.life_safety + counts.security + counts.evidence + counts.event
        if not waiting:
            return Text(self.say("empty"), style="green")
        return Text(self.say("waiting", n=waiting), style="bold yellow")

    def _link(self, now: Snapshot, *, cut: bool) -> Text:
        text = Text(
            self.say("up" if now.connected else "down"), style="green" if now.connected else "bold red"
        )
        text.append(f"  {now.broker}", style="dim")
        if cut:
            text.append(f"\n{self.say('cut')}", style="bold red")
        elif now.link_reason:
            text.append(f"\n{now.link_reason}", style="dim")
        return text

    def _faults(self, now: Snapshot) -> Text:
        if not now.faults:
            return Text(self.say("none"), style="green")
        return Text(
            "\n".join(f"{fault.device}: {fault.text or fault.code}" for fault in now.faults), style="red"
        )

    def _police(self, view: View) -> Panel:
        title = f"[b]{self.say('police')}[/b]"
        below = self.say("station", n=view.archived, r=view.receipts)
        if not view.alerts:
            empty = Text(self.say("nothing"), style="dim")
            return Panel(empty, title=title, subtitle=below, box=box.ROUNDED)
        table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1))
        table.add_column(self.say("time"), no_wrap=True)
        table.add_column(self.say("alert"), ratio=1)
        table.add_column(self.say("took"), justify="right", no_wrap=True)
        table.add_column(self.say("kept"), justify="center", no_wrap=True)
        for alert in reversed(view.alerts[-40:]):
            style = "dim" if not alert.active else "bold red" if alert.life_safety else ""
            text = Text(alert.text, style=style).append(f"\n{alert.device}", style="dim")
            kept = Text("✓", style="green") if alert.archived else Text("…", style="dim")
            table.add_row(alert.time, text, self._took(alert), kept)
        return Panel(table, title=title, subtitle=below, box=box.ROUNDED)

    def _took(self, alert: AlertLine) -> Text:
        figure = (
            f"{alert.took_s * 1000:.0f} ms"
            if alert.took_s < 1
            else self.say("seconds", n=f"{alert.took_s:.1f}")
        )
        return Text(figure, style="yellow" if alert.delayed else "green")
