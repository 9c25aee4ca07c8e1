"""How pictures come to the station: uploads that go on where they were cut, answered when they are here.

Owns what is said in HTTP, by the door and the tokens of `sync.station.intake`; what lies on the disk is
`sync.station.shelf`'s. It is tus 1.0.0 with the extension *creation*, and a little less free:

- ``POST /v1/evidence`` announces a file: its length, and in ``Upload-Metadata`` the incident, the kind
  (blurred or original) and the SHA-256. Whose it is says the token. Announced again, it is the same file: the
  answer says how far it has come (``Upload-Offset``).
- ``HEAD /v1/evidence/{incident}/{kind}`` says how far; ``PATCH`` appends. What came is synced before the
  answer, and kept when the connection breaks.
- A file that is whole, on the disk and what was announced is answered with its ``Repr-Digest`` (RFC 9530).
  Nothing else means that the station has it.

Source: https://tus.io/protocols/resumable-upload (1.0.0).
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from starlette.responses import Response

from sync.errors import WireError
from sync.pictures import CHUNK_TYPE, VERSION, Meta, incident_of, role_of
from sync.station.problem import Refused, busy
from sync.station.shelf import Shelf, Slot, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from starlette.requests import Request

    from sync.pictures import Role
    from sync.station.settings import ShelfSettings

    P = ParamSpec("P")
    T = TypeVar("T")

PATH: Final = "/v1/evidence"
TUS: Final = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
"""In every answer, refusals included."""
_COUNT: Final = re.compile(r"\d{1,15}", re.ASCII)
_THREADS: Final = 4


class Uploads:
    """Answers whatever is asked about pictures, in the intake's loop; the disk is left to threads.

    Args:
        shelf: Where they go.
        settings: How much may come, and how many at a time.
    """

    def __init__(self, shelf: Shelf, settings: ShelfSettings) -> None:
        self.shelf = shelf
        self._settings = settings
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="station-uploads")
        self._inside = 0

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request, node: str) -> Response:
        """One request of a node.

        Args:
            request: Any method that the intake lets in here.
            node: ``commune/name``, by its token.

        Raises:
            Refused: It is wrong, or not now.
            ClientDisconnect: The caller is gone; what came of a file is kept.
        """
        if request.method == "OPTIONS":
            return _answer(HTTPStatus.NO_CONTENT, self._abilities())
        if request.headers.get("tus-resumable") != VERSION:
            detail = f"Uploads speak tus {VERSION} here: send Tus-Resumable: {VERSION}."
            raise Refused(HTTPStatus.PRECONDITION_FAILED, detail, (("Tus-Version", VERSION),))
        if request.method == "POST":
            return await self._create(request, node)
        incident, role = _named(request)
        if request.method == "HEAD":
            return await self._tell(node, incident, role)
        return await self._append(request, node, incident, role)

    def _abilities(self) -> dict[str, str]:
        most = self._settings.max_file_mb * 2**20
        return {"Tus-Version": VERSION, "Tus-Extension": "creation", "Tus-Max-Size": str(most)}

    async def _create(self, request: Request, node: str) -> Response:
        length = _count(request, "upload-length")
        if not length:
            raise Refused(HTTPStatus.BAD_REQUEST, "An empty file is no picture: Upload-Length is 0.")
        try:
            meta = Meta.from_header(request.headers.get("upload-metadata", ""))
        except WireError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        state = await self._apart(self.shelf.create, node, meta, length)
        return _answer(HTTPStatus.CREATED, {"Location": _where(meta)} | _told(state))

    async def _tell(self, node: str, incident: UUID, role: Role) -> Response:
        state = await self._apart(self.shelf.find, node, incident, role)
        if state is None:
            raise Refused(HTTPStatus.NOT_FOUND, "No such file was begun, or it has expired.")
        return _answer(HTTPStatus.OK, {"Upload-Length": str(state.length)} | _told(state))

    async def _append(self, request: Request, node: str, incident: UUID, role: Role) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CHUNK_TYPE:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send Content-Type: {CHUNK_TYPE}.")
        offset = _count(request, "upload-offset")
        if self._inside >= self._settings.at_once:
            raise busy("As many files as may are coming in now. Try again in a moment.")
        self._inside += 1
        try:
            slot = await self._apart(self.shelf.open, node, incident, role, offset)
            state = await self._fill(request, slot)
        finally:
            self._inside -= 1
        return _answer(HTTPStatus.NO_CONTENT, _told(state))

    async def _fill(self, request: Request, slot: Slot) -> State:
        """Everything that the request brings into the file; on the disk when this returns."""
        try:
            slot.expect(int(request.headers.get("content-length", "0")))
            async for piece in request.stream():
                if piece:
                    await self._apart(slot.write, piece)
        except BaseException:
            await self._apart(slot.close, whole=False)
            raise
        return await self._apart(slot.close, whole=True)

    async def _apart(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a thread; to its end, even where nobody waits for it any more."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args, **kwargs))
        return await asyncio.shield(done)


def _named(request: Request) -> tuple[UUID, Role]:
    """Which file an address means."""
    try:
        return incident_of(request.path_params["incident"]), role_of(request.path_params["role"])
    except WireError as error:
        raise Refused(HTTPStatus.NOT_FOUND, str(error)) from error


def _count(request: Request, header: str) -> int:
    found = request.headers.get(header, "")
    if not _COUNT.fullmatch(found):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{header.title()} has to be a number of bytes.")
    return int(found)


def _where(meta: Meta) -> str:
    return f"{PATH}/{meta.incident}/{meta.role}"


def _told(state: State) -> dict[str, str]:
    """How far a file is; its digest once it is here."""
    said = {"Upload-Offset": str(state.offset)}
    return said | {"Repr-Digest": state.meta.digest} if state.complete else said


def _answer(status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(status_code=status, headers=TUS | headers)
