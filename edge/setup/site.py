"""The page over HTTP: which addresses there are, and what keeps strangers, other pages and scripts out.

Owns cookies, headers and status codes. Whoever has no session sees the empty page with its field for the
code, the page's own files, and nothing of the node: no picture, no name. Every change has to show the
session's second secret in a header that no other page can set, and comes from this page's own address.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import ConfigError, EdgeError
from edge.events import Language
from edge.notice import notice_page
from edge.setup.access import IDLE_S, Access, Entry
from edge.setup.configfile import CannotSave, Changed, NoVersion, Unsure
from edge.setup.desk import Desk
from edge.setup.draft import BadDraft, UnsafeEdit
from edge.setup.spoken import spoken_error

_log = logging.getLogger(__name__)

COOKIE: Final = "tuquan-setup"
CSRF: Final = "x-tuquan-csrf"
_STATIC: Final = Path(__file__).with_name("static")
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}
_MOST_BYTES: Final = 262_144
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
_ENTRY_STATUS: Final = {
    Entry.WRONG: HTTPStatus.FORBIDDEN,
    Entry.EXPIRED: HTTPStatus.FORBIDDEN,
    Entry.LOCKED: HTTPStatus.TOO_MANY_REQUESTS,
}
_REFUSALS: Final[dict[type[EdgeError], tuple[HTTPStatus, str]]] = {
    Changed: (HTTPStatus.CONFLICT, "changed"),
    NoVersion: (HTTPStatus.NOT_FOUND, "no-version"),
    BadDraft: (HTTPStatus.BAD_REQUEST, "bad-draft"),
    UnsafeEdit: (HTTPStatus.UNPROCESSABLE_ENTITY, "unsafe-edit"),
    CannotSave: (HTTPStatus.INSUFFICIENT_STORAGE, "cannot-save"),
    Unsure: (HTTPStatus.INSUFFICIENT_STORAGE, "unsure"),
    ConfigError: (HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable"),
}
_BY_ANOTHER_NAME: Final = {
    "vi": "Hãy mở trang bằng địa chỉ hiện trên màn hình lệnh.",
    "en": "Call it by the address on the terminal.",
}
"""No page can be shown for this: the browser shows it as it is."""

Work = Callable[[Any], Any]


class _Refused(Exception):
    """What is not answered, and why."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.answer = _json({"error": code}, status)


class Site:
    """Answers for the page.

    Args:
        desk: What is behind it.
        access: Who may come in.
        secure: Whether it is served by TLS, so that the cookie never goes without.
        hosts: The names by which it may be called; empty for any. A page elsewhere that has its own name
            lead here (DNS rebinding) is not answered.
    """

    def __init__(
        self, desk: Desk, access: Access, *, secure: bool, hosts: frozenset[str] = frozenset()
    ) -> None:
        self._desk = desk
        self._access = access
        self._secure = secure
        self._hosts = hosts

    @property
    def application(self) -> ASGIApp:
        """What serves it."""
        routes = [
            Route("/", self._page),
            Route("/static/{name}", self._file),
            Route("/notice", self._notice),
            Route("/api/session", self._session),
            Route("/api/enter", self._enter, methods=["POST"]),
            Route("/api/leave", self._leave, methods=["POST"]),
            Route("/api/now", self._now),
            Route("/api/picture", self._picture),
            Route("/api/configuration", self._reading(lambda _: self._desk.configuration())),
            Route("/api/versions", self._reading(lambda _: self._desk.versions())),
            Route("/api/check", self._changing(self._desk.check), methods=["POST"]),
            Route("/api/try", self._changing(self._desk.attempt), methods=["POST"]),
            Route("/api/save", self._changing(self._save), methods=["POST"]),
            Route("/api/restore", self._changing(self._restore), methods=["POST"]),
        ]
        app = Starlette(
            routes=routes,
            exception_handlers={HTTPException: _unknown, _Refused: _refused, Exception: _broken},
        )
        return _Guarded(app, self._hosts)

    # For everybody

    async def _page(self, _: Request) -> Response:
        return _static("index.html")

    async def _file(self, request: Request) -> Response:
        return _static(request.path_params["name"])

    async def _session(self, request: Request) -> Response:
        csrf = self._access.csrf_of(request.cookies.get(COOKIE, ""))
        language = self._desk.config.node.language.value
        return _json({"in": csrf is not None, "csrf": csrf, "language": language})

    async def _enter(self, request: Request) -> Response:
        self._check_origin(request)
        document = await _document(request)
        code = document.get("code") if isinstance(document, dict) else None
        admission = self._access.enter(code if isinstance(code, str) else "")
        if admission.entry is not Entry.OPEN:
            wait_s = math.ceil(admission.wait_s)
            answer = _json({"error": admission.entry.value, "wait_s": wait_s}, _ENTRY_STATUS[admission.entry])
            if wait_s:
                answer.headers["retry-after"] = str(wait_s)
            return answer
        answer = _json({"in": True, "csrf": self._access.csrf_of(admission.token)})
        answer.set_cookie(
            COOKIE,
            admission.token,
            max_age=int(IDLE_S) * 16,  # the server's own half hour of idleness is what counts
            httponly=True,
            samesite="strict",
            secure=self._secure,
        )
        return answer

    # For those who are in

    async def _leave(self, request: Request) -> Response:
        self._check_change(request)
        self._access.leave(request.cookies.get(COOKIE, ""))
        answer = _json({"in": False})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self._secure)
        return answer

    async def _now(self, request: Request) -> Response:
        self._csrf(request, used="used" in request.query_params)
        return _json(await run_in_threadpool(self._desk.now))

    async def _picture(self, request: Request) -> Response:
        self._csrf(request, used=False)
        picture = await run_in_threadpool(self._desk.picture)
        if picture is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        return Response(picture, media_type="image/jpeg")

    async def _notice(self, request: Request) -> Response:
        self._csrf(request)
        asked = request.query_params.get("language", "")
        language = Language.EN if asked == Language.EN else Language.VI
        return Response(notice_page(self._desk.config, language, linked=True), media_type="text/html")

    def _reading(self, work: Work) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self._csrf(request)
            return await _answered(work, None)

        return answer

    def _changing(self, work: Work) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self._check_change(request)
            return await _answered(work, await _document(request))

        return answer

    def _save(self, document: Any) -> dict[str, Any]:
        revision, draft = _member(document, "revision"), document.get("draft")
        return self._desk.save(revision, draft)

    def _restore(self, document: Any) -> dict[str, Any]:
        return self._desk.restore(_member(document, "name"), _member(document, "revision"))

    # What keeps others out

    def _csrf(self, request: Request, *, used: bool = True) -> str:
        csrf = self._access.csrf_of(request.cookies.get(COOKIE, ""), used=used)
        if csrf is None:
            raise _Refused(HTTPStatus.UNAUTHORIZED, "no-session")
        return csrf

    def _check_change(self, request: Request) -> None:
        if request.headers.get(CSRF, "") != self._csrf(request):
            raise _Refused(HTTPStatus.FORBIDDEN, "csrf")
        self._check_origin(request)

    def _check_origin(self, request: Request) -> None:
        """A browser says from which page a change comes; what says nothing is no browser."""
        origin = request.headers.get("origin")
        scheme = "https" if self._secure else "http"
        if origin is not None and origin != f"{scheme}://{request.headers.get('host', '')}":
            raise _Refused(HTTPStatus.FORBIDDEN, "origin")


class _Guarded:
    """Puts the headers on every answer, errors included, and lets no request in by another name."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.encode(): value.encode() for name, value in _HEADERS.items()}
                message["headers"] = [*message.get("headers", ()), *own.items()]
            await send(message)

        if scope["type"] == "http" and self._hosts:
            headers = dict(scope["headers"])
            name = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)
            if name[0].lower() not in self._hosts:
                answer = _json({"error": "host", **_BY_ANOTHER_NAME}, 421)
                await answer(scope, receive, guarded)
                return
        await self._app(scope, receive, guarded)


async def _answered(work: Work, document: Any) -> Response:
    """Work in a thread of its own: files and trials must not keep the pictures waiting."""
    try:
        return _json(await run_in_threadpool(work, document))
    except tuple(_REFUSALS) as error:
        status, code = next(entry for kind, entry in _REFUSALS.items() if isinstance(error, kind))
        why = {language.value: spoken_error(error, language) for language in Language}
        return _json({"error": code, **why}, status)


async def _document(request: Request) -> Any:
    """The JSON of a request, within bounds.

    Raises:
        _Refused: It is too large, or no JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large")
        return json.loads(body, parse_constant=_no_number)
    except ClientDisconnect:
        raise _Refused(HTTPStatus.BAD_REQUEST, "gone") from None
    except (ValueError, RecursionError):
        raise _Refused(HTTPStatus.BAD_REQUEST, "not-json") from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number.")


def _member(document: Any, key: str) -> str:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise BadDraft(f"{key} is missing.")
    return value


def _static(name: str) -> Response:
    """One of the page's own files; no path leads out of their folder, for only names in it are known."""
    known = {path.name: path for path in _STATIC.iterdir() if path.suffix in _TYPES}
    if name not in known:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return Response(known[name].read_bytes(), media_type=_TYPES[known[name].suffix])


def _json(document: Mapping[str, Any] | list[Any], status: int = HTTPStatus.OK) -> Response:
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(body, status_code=status, media_type="application/json")


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    return _json({"error": "unknown"}, status)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, _Refused)  # noqa: S101 - Starlette calls this for nothing else
    return error.answer


async def _broken(_: Request, error: Exception) -> Response:
    _log.error("the page has a fault", exc_info=error)
    return _json({"error": "broken"}, HTTPStatus.INTERNAL_SERVER_ERROR)
