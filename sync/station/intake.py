"""The second way into the station: one HTTPS request for each message, answered when the archive has it.

Owns what is said in HTTP. `POST /v1/messages` takes one CloudEvents JSON object, byte for byte what a node
would publish by MQTT, from the node whose token it shows; the answer is the receipt. `GET` on the same
address says whose token it is, so that a node can look after its second path before it needs it. What is
wrong is told as problem+json (RFC 9457), in a sentence that somebody who sets up a node can act on.

The MQTT topic is not sent along: it follows from the envelope's `source` and `type`, and what need not be
said cannot be said wrongly. Pictures come in by the same door, to `sync.station.uploads`.

Sources: CloudEvents HTTP protocol binding 1.0.2, section 3.2 (structured mode); RFC 6750 (bearer tokens).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sync.cloudevent import utc_text
from sync.envelope import MAX_PAYLOAD_BYTES, Envelope, open_envelope
from sync.errors import SyncError, WireError
from sync.receipt import Receipt, ReceiptState
from sync.station.gate import Certificates, Gate, Limits
from sync.station.problem import Refused, busy, problem
from sync.station.records import ROOT, Incoming, Verdict, Way, address
from sync.station.tokens import TokenProblem, Tokens
from sync.station.uploads import PATH as UPLOADS
from sync.station.uploads import TUS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sync.clock import Clock
    from sync.station.settings import IntakeSettings
    from sync.station.uploads import Uploads

log = logging.getLogger(__name__)

PATH: Final = "/v1/messages"
CLOUDEVENT: Final = "application/cloudevents+json"
_BATCH: Final = 64
_SOURCE: Final = "/tuquan/"
_TYPE: Final = "vn.tuquan."


class Store(Protocol):
    """What keeps messages: the archive's `store`, or whatever stands around it."""

    def __call__(self, arrivals: Sequence[Incoming], /) -> Sequence[Verdict]:
        """Store them in one transaction; durable when it returns, one verdict each."""


class Intake:
    """The HTTPS intake, from the socket to the archive.

    Args:
        settings: address, certificates and limits.
        store: called from a thread of its own ("station-intake-store"), never twice at a time.
        token_file: of `Tokens`.
        by: who signs the receipts: "/tuquan/{commune}/{station}".
        clock: for the receipts' time.
        uploads: where pictures are brought; None: nowhere. Closed with the intake.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        settings: IntakeSettings,
        store: Store,
        *,
        token_file: Path,
        by: str,
        clock: Clock,
        uploads: Uploads | None = None,
    ) -> None:
        self._tokens = Tokens(token_file)
        self._desk = _Desk(store)
        self._by = by
        self._clock = clock
        self._uploads = uploads
        self._gate = Gate(
            _application(self),
            host=settings.host,
            port=settings.port,
            certificates=_certificates(settings),
            limits=Limits(
                connections=settings.connections,
                each=settings.connections_each,
                request_s=settings.request_timeout_s,
            ),
        )

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return self._gate.port

    @property
    def alive_ns(self) -> int:
        """`time.monotonic_ns()` of the last sign of life."""
        return self._gate.alive_ns

    def start(self) -> None:
        """Listen.

        Raises:
            GateProblem: the address cannot be listened on.
        """
        self._gate.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Let those inside have their answer and end. Safe to call twice, and without `start`.

        Raises:
            SyncError: the thread did not end within `timeout_s`.
        """
        self._gate.stop(timeout_s)
        self._desk.close()
        if self._uploads is not None:
            self._uploads.close()

    async def take(self, request: Request) -> Response:
        """`POST`: one message into the archive."""
        try:
            node = self._node(request)
            _check_type(request)
            payload = await self._body(request)
            envelope = _opened(payload)
            _check_source(envelope, node)
            arrival = Incoming(topic=topic_of(envelope), payload=payload, path=Way.HTTPS)
            await self._store(arrival)
        except Refused as refused:
            return refused.response()
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # to nobody
        at = utc_text(self._clock.wall_us())
        receipt = Receipt(id=envelope.id, state=ReceiptState.RECEIVED, by=self._by, at=at)
        return Response(receipt.to_payload(), media_type="application/json")

    async def check(self, request: Request) -> Response:
        """`GET`: whose token this is."""
        try:
            node = self._node(request)
        except Refused as refused:
            return refused.response()
        return Response(json.dumps({"node": node, "by": self._by}), media_type="application/json")

    async def upload(self, request: Request) -> Response:
        """All that is asked about pictures: `sync.station.uploads`, for whoever shows a token."""
        if self._uploads is None:
            detail = "This station takes no pictures: its [evidence] is not enabled."
            return problem(HTTPStatus.NOT_FOUND, detail)
        try:
            return await self._uploads.answer(request, self._node(request))
        except Refused as refused:
            return refused.response(TUS)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # to nobody

    def _node(self, request: Request) -> str:
        """The node whose token the request shows."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        challenge = (("WWW-Authenticate", 'Bearer realm="tuquan"'),)
        if scheme.lower() != "bearer" or not token.strip():
            detail = "Show this node's token: Authorization: Bearer TOKEN."
            raise Refused(HTTPStatus.UNAUTHORIZED, detail, challenge)
        try:
            node = self._tokens.node_of(token.strip())
        except TokenProblem as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence says it all
            raise busy("The station cannot read its own list of tokens.") from error
        if node is None:
            detail = "This token is not, or no longer, known here. Ask the station for a new one."
            raise Refused(HTTPStatus.UNAUTHORIZED, detail, challenge)
        return node

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        most = f"A message has at most {MAX_PAYLOAD_BYTES} bytes."
        if int(request.headers.get("content-length", "0")) > MAX_PAYLOAD_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, most)
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_PAYLOAD_BYTES:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, most)
        return bytes(body)

    async def _store(self, arrival: Incoming) -> None:
        try:
            verdict = await self._desk.hand_in(arrival)
        except (SyncError, OSError, sqlite3.Error) as error:
            log.error("The archive does not store: %s", error)  # noqa: TRY400 - it says it all
            raise busy("The station cannot store anything now. Keep the message and try again.") from error
        if not verdict.stored:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, verdict.reason)


class _Desk:
    """Brings what comes in at the same time into one transaction, without keeping the loop from its turn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="station-intake-store")
        self._waiting: list[tuple[Incoming, asyncio.Future[Verdict]]] = []
        self._clerk: asyncio.Task[None] | None = None

    async def hand_in(self, arrival: Incoming) -> Verdict:
        """The archive's verdict on a message, which is durable then.

        Raises:
            Exception: whatever the archive raised.
        """
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, answer))
        if self._clerk is None or self._clerk.done():
            self._clerk = asyncio.create_task(self._work())
        return await answer

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            arrivals = [arrival for arrival, _ in batch]
            try:
                verdicts = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._store, arrivals
                )
                told = list(zip(batch, verdicts, strict=True))
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait, and each gets it
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), verdict in told:
                    if not answer.done():
                        answer.set_result(verdict)


def topic_of(envelope: Envelope) -> str:
    """The MQTT topic that a node publishes this on: source and type say it.

    Raises:
        WireError: it is nothing that a node stores and sends.
    """
    node, kind = envelope.source.removeprefix(_SOURCE), envelope.type.removeprefix(_TYPE)
    topic = f"{ROOT}/{node}/{kind.replace('.', '/')}"
    if not envelope.source.startswith(_SOURCE) or not envelope.type.startswith(_TYPE) or not address(topic):
        raise WireError(
            f"source and type are {envelope.source[:80]!r} and {envelope.type[:80]!r}, not such as "
            f"{_SOURCE}ben-nghe/gate-3 and {_TYPE}alert.panic."
        )
    return topic


def _application(intake: Intake) -> Starlette:
    routes = [
        Route(PATH, intake.take, methods=["POST"]),
        Route(PATH, intake.check, methods=["GET"]),
        Route(UPLOADS, intake.upload, methods=["POST", "OPTIONS"]),
        Route(f"{UPLOADS}/{{incident}}/{{role}}", intake.upload, methods=["HEAD", "PATCH"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown, Exception: _broken})


def _certificates(settings: IntakeSettings) -> Certificates | None:
    if settings.cert_file is None or settings.key_file is None:
        return None
    return Certificates(settings.cert_file, settings.key_file, settings.client_ca_file)


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != CLOUDEVENT:
        detail = f"Send one event in structured mode, Content-Type: {CLOUDEVENT}."
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, (("Accept", CLOUDEVENT),))
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        detail = "Send it as it is, without Content-Encoding."
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, (("Accept-Encoding", "identity"),))


def _opened(payload: bytes) -> Envelope:
    try:
        envelope, _ = open_envelope(payload)
        topic_of(envelope)
    except WireError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"This is no event of a node. {error}") from error
    return envelope


def _check_source(envelope: Envelope, node: str) -> None:
    if envelope.source != f"/tuquan/{node}":
        detail = f"This token is {node}'s, and the event says that it comes from {envelope.source[:160]}."
        raise Refused(HTTPStatus.FORBIDDEN, detail)


async def _unknown(_request: Request, error: Exception) -> Response:
    """No such address, or not that method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these alone
    detail = f"There is {PATH} here, for POST and GET, {UPLOADS} for pictures, and nothing else."
    return problem(error.status_code, detail, error.headers)


async def _broken(_request: Request, _error: Exception) -> Response:
    """A mistake of ours; uvicorn logs it."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The station failed on this. Try again later.")
