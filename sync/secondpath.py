"""The second path: a press that no broker takes goes to the station's intake by HTTPS as well.

Owns one thread ("second-path"). It looks at the presses in the outbox (life-safety, nothing else) and
hands one in when

- every broker in the list has failed since it was made, and none has come back, or
- nobody has confirmed it within `uplink.fault_after_s`, whatever the brokers say.

It is the same message under the same id, so that a copy by both paths is one alert. Oldest first; but a
press of the last seconds overtakes, and the first one after a failure does not wait for the next attempt's
time. The receipt is proof for this one message: the row leaves the outbox, and the lamp may say "received".

A path that is used in an emergency only is found broken in an emergency. So it is checked now and then: name,
certificate and token, without a message.
"""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from sync import tls
from sync.backoff import Backoff
from sync.cloudevent import DELAYED_AFTER_MS
from sync.dial import Stopping, Waiter
from sync.errors import SyncError, WireError
from sync.message import MessageClass, Row, render
from sync.post import Answer, Post, Unanswered
from sync.receipt import Receipt
from sync.reports import Delivery, Proof, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from sync.clock import Clock
    from sync.settings import SecondPathSettings

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
RETRY_FIRST_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
_PRESS_RETRY_S: Final = 1.0
_MOST: Final = 256
_FRESH: Final = 16
_TICK_S: Final = 0.2
_LOOK_S: Final = 1.0
_IDLE_LOOK_S: Final = 2.0
_FIRST_CHECK_S: Final = 30.0
_STUMBLE_S: Final = 1.0
_OK: Final = 200
_ABOUT_THE_ROW: Final = frozenset({400, 409, 413, 422})
_SERVER_ERROR: Final = 500


class Outbox(Protocol):
    """Where presses are, and leave."""

    def pending(self, limit: int, after: int = -1) -> list[Row]:
        """Rows with a key above `after`, in the order of their keys."""

    def remove(self, keys: list[int], /) -> object:
        """Rows that are proved delivered."""


class Brokers(Protocol):
    """What the first path says of itself."""

    def failed_since(self, mono_us: int) -> bool:
        """Whether every broker has failed since a moment of the clock's monotonic time, and none serves."""


class SecondPath:
    """Hands presses in by HTTPS when the brokers do not do it.

    All methods may be called from any thread; none of them waits, `stop` excepted.

    Args:
        settings: where to, and as whom.
        outbox: whoever made it closes it, after `stop`.
        clock: time and boot id.
        brokers: the first path.
        fault_after_s: how long a confirmation may take, in seconds.
        emit: takes a `Delivery`, from the thread; must be as cheap as `SimpleQueue.put`.
        forget: told the id and the key of each message that need not go by a broker any more.
        rng: where the jitter comes from.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        settings: SecondPathSettings,
        outbox: Outbox,
        clock: Clock,
        *,
        brokers: Brokers,
        fault_after_s: float,
        emit: Callable[[Report], None],
        forget: Callable[[UUID, int], None],
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._clock = clock
        self._brokers = brokers
        self._fault_after_ms = fault_after_s * 1000
        self._emit = emit
        self._forget = forget
        self._waiter = Waiter()
        self._post = Post(settings, self._waiter)
        self._rng = rng or random.SystemRandom()
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_MAX_S, self._rng)
        self._rows: list[Row] = []
        self._blame: dict[UUID, tuple[int, float]] = {}
        self._done: dict[UUID, int] = {}
        self._news = True
        self._look_s = self._due_s = self._tried_s = 0.0
        self._newest = self._failed_key = -1
        self._check_s = self._now_s() + self._rng.uniform(0.2, 1.0) * _FIRST_CHECK_S
        self._problem = ""
        self._delivered = 0
        self._thread = threading.Thread(target=self._run, name="second-path", daemon=True)

    # For other threads

    @property
    def alive_ns(self) -> int:
        """`time.monotonic_ns()` of the thread's last turn; it takes one in two seconds at least."""
        return self._waiter.turned_ns

    @property
    def problem(self) -> str:
        """Why a press could not be handed in now, a sentence; "" as far as is known."""
        return self._problem

    @property
    def delivered(self) -> int:
        """How many messages went this way."""
        return self._delivered

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread. Safe to call twice, and without `start`.

        Raises:
            SyncError: the thread did not end within `timeout_s`.
        """
        self._waiter.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise SyncError(f"The second path's thread did not end within {timeout_s:g} s.")
        self._waiter.close()

    def wake(self) -> None:
        """There are new rows in the outbox, or the brokers are worse than before."""
        self._news = True
        self._waiter.wake()

    # The thread

    def _run(self) -> None:
        self._post.warm_up()
        while not self._waiter.stopping:
            try:
                self._turn()
            except Stopping:
                break
            except Exception:  # the outer edge of the thread: it must never end while the node runs
                log.exception("The second path stumbled and goes on.")
                self._due_s = self._now_s() + _STUMBLE_S
        self._post.hang_up()

    def _turn(self) -> None:
        if self._news or self._now_s() >= self._look_s:
            self._look()
        row = self._choose()
        if row is not None and self._is_there(row):
            self._hand_in(row)
            return
        self._post.hang_up()
        if row is None and self._now_s() >= self._check_s:
            self._check()
        if row is None:
            self._waiter.wait(_TICK_S if self._rows else _IDLE_LOOK_S)

    # Which

    def _look(self) -> None:
        """Which presses are in the outbox now."""
        self._news = False
        self._bury()
        rows = self._presses(_MOST if self._rows else 1)
        if rows and not self._rows:
            rows = self._presses(_MOST)
        if len(rows) == _MOST:  # the newest stand behind many, and come first all the same
            last = rows[-1].key
            tail = [*(row for row in self._rows if row.key > last), *self._newer(max(self._newest, last))]
            rows += [row for row in tail if self._is_fresh(row)][-_FRESH:]
        self._rows = [row for row in rows if row.id not in self._done]
        self._newest = max([self._newest, *(row.key for row in self._rows)])
        there = {row.id for row in self._rows}
        self._blame = {row_id: blame for row_id, blame in self._blame.items() if row_id in there}
        self._look_s = self._now_s() + (_LOOK_S if self._rows else _IDLE_LOOK_S)

    def _presses(self, limit: int, after: int = -1) -> list[Row]:
        return [row for row in self._outbox.pending(limit, after) if row.cls is MessageClass.LIFE_SAFETY]

    def _newer(self, after: int) -> deque[Row]:
        """The newest presses of all that came after a key."""
        newest: deque[Row] = deque(maxlen=_FRESH)
        while page := self._presses(_MOST, after):
            newest.extend(page)
            after = page[-1].key
        return newest

    def _choose(self) -> Row | None:
        """The press to hand in now."""
        now_s = self._now_s()
        if now_s < self._due_s:  # after a failure only what has come since, and that not too often
            may_go = [row for row in self._rows if row.key > self._failed_key]
            may_go = may_go if now_s >= self._tried_s + _PRESS_RETRY_S else []
        else:
            may_go = self._rows
        ripe = [row for row in may_go if self._is_ripe(row, now_s)]
        return min(ripe, key=self._rank, default=None)

    def _is_ripe(self, row: Row, now_s: float) -> bool:
        blame = self._blame.get(row.id)
        if blame is not None and now_s < blame[1]:
            return False
        if row.remaining_s(self._clock) == 0:
            return False
        age_ms = row.age_ms(self._clock)
        if row.boot_id != self._clock.boot_id or age_ms is None or age_ms >= self._fault_after_ms:
            return True  # what has waited through a restart has waited for long enough
        return self._brokers.failed_since(row.mono_us)

    def _rank(self, row: Row) -> tuple[int, bool, int]:
        """Those that failed less, those of the last seconds, then the oldest."""
        return self._blame.get(row.id, (0, 0.0))[0], not self._is_fresh(row), row.key

    def _is_fresh(self, row: Row) -> bool:
        age_ms = row.age_ms(self._clock)
        return age_ms is not None and age_ms <= DELAYED_AFTER_MS

    def _is_there(self, row: Row) -> bool:
        """Whether nobody has delivered it since the last look."""
        found = self._outbox.pending(1, row.key - 1)
        if found and found[0].id == row.id:
            return True
        self._rows.remove(row)
        return False

    # What becomes of it

    def _hand_in(self, row: Row) -> None:
        self._tried_s = self._now_s()
        try:
            answer = self._post.ask("POST", headers_for(self._settings), render(row, self._clock))
            self._prove(row, answer)
        except (Unanswered, tls.TlsProblem) as error:
            self._failed(str(error).rstrip("."))
            if isinstance(error, Unanswered) and error.heard:
                self._accuse(row)
        except (ValueError, TypeError) as error:
            self._accuse(row, why=f"message {row.id} cannot be sent: {error}")

    def _prove(self, row: Row, answer: Answer) -> None:
        """A receipt for this very message, or it is still to be delivered."""
        if answer.status != _OK:
            why = _refusal(answer)
            if answer.status in _ABOUT_THE_ROW:
                self._accuse(row, why=why)
                return
            self._failed(why)
            if answer.status >= _SERVER_ERROR:
                self._accuse(row)
            return
        try:
            receipt = Receipt.from_payload(answer.body)
        except WireError as error:
            self._failed(f"what answers there is no station: {error}".rstrip("."))
            return
        if receipt.id != row.id:
            self._failed("the answer is about another message")
            self._accuse(row)
            return
        self._succeeded(row)

    def _succeeded(self, row: Row) -> None:
        log.warning("%s on %s went by the second path.", row.id, row.topic)
        self._well()
        self._delivered += 1
        self._done[row.id] = row.key
        self._rows.remove(row)
        if not self._rows:
            self._news = True  # there may be more behind those that were looked at
        self._bury()
        self._emit(
            Delivery(
                id=row.id,
                key=row.key,
                cls=row.cls,
                proof=Proof.STATION,
                at_ns=self._clock.monotonic_us() * 1000,
            )
        )
        self._forget(row.id, row.key)

    def _bury(self) -> None:
        """Proved rows leave the outbox; while the disk refuses they are only not sent again."""
        if not self._done:
            return
        try:
            self._outbox.remove(list(self._done.values()))
        except (SyncError, OSError, sqlite3.Error) as error:
            log.warning("%d delivered rows cannot be removed from the outbox yet: %s", len(self._done), error)
        else:
            self._done.clear()

    def _accuse(self, row: Row, *, why: str = "") -> None:
        """It may be this row's fault: others go first, and it waits longer each time."""
        times = self._blame.get(row.id, (0, 0.0))[0] + 1
        wait_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2.0 ** min(times, 10)) if why else 0.0
        self._blame[row.id] = (times, self._now_s() + wait_s)
        if why:
            self._tell(why)

    def _failed(self, why: str) -> None:
        self._due_s = self._now_s() + self._backoff.next_s()
        self._failed_key = self._newest
        self._tell(why)

    def _well(self) -> None:
        self._backoff.reset()
        self._due_s = 0.0
        self._failed_key = -1
        self._check_s = self._now_s() + self._rng.uniform(0.8, 1.0) * self._settings.check_every_s
        self._tell("")

    def _tell(self, why: str) -> None:
        problem = f"The second path to {self._settings.host} does not work: {why}." if why else ""
        if problem != self._problem:
            log.info("%s", problem or f"The second path to {self._settings.host} works.")
            self._problem = problem

    # The check

    def _check(self) -> None:
        """Whether a press could be handed in."""
        if why := _looked_at(self._post, self._settings):
            self._check_s = self._now_s() + min(self._settings.check_every_s, RETRY_MAX_S)
            self._tell(why)
        else:
            self._well()

    def _now_s(self) -> float:
        return self._clock.monotonic_us() / 1e6


def headers_for(settings: SecondPathSettings) -> dict[str, str]:
    """Who we are, and what we bring.

    Raises:
        TlsProblem: the token file cannot be read.
    """
    token = tls.read_password(settings.token_file, "token_file") if settings.token_file else ""
    if not token.isascii() or not token.isprintable():
        raise tls.TlsProblem(f"token_file {settings.token_file} does not hold a token in its first line.")
    return {"Authorization": f"Bearer {token}", "Content-Type": CONTENT_TYPE}


def check(settings: SecondPathSettings, waiter: Waiter) -> str:
    """Try the path without a message: what is wrong with it, without a full stop; "" for nothing."""
    post = Post(settings, waiter)
    try:
        return _looked_at(post, settings)
    finally:
        post.hang_up()


def _looked_at(post: Post, settings: SecondPathSettings) -> str:
    try:
        answer = post.ask("GET", headers_for(settings))
    except (Unanswered, tls.TlsProblem) as error:
        return str(error).rstrip(".")
    return "" if answer.status == _OK else _refusal(answer)


def _refusal(answer: Answer) -> str:
    """What a station that says no says, as a sentence without a full stop."""
    if answer.location:
        return f"it points to {answer.location[:100]}: put the right address into url"
    try:
        said = json.loads(answer.body)
        detail = str(said["detail"])
    except (ValueError, TypeError, LookupError, RecursionError):
        detail = ""
    return f"it answers {answer.status}{': ' if detail else ''}{detail[:300].rstrip('.')}"
