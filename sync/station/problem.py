"""What the station says no with, by HTTP: a status, and a sentence that whoever sets up a node can act on.

Source: RFC 9457 (problem+json).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRY_AFTER_S: Final = "2"


@dataclass(slots=True)
class Refused(Exception):
    """What is wrong with a request, for the one who made it."""

    status: HTTPStatus
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    def response(self, more: Mapping[str, str] | None = None) -> Response:
        """The answer that says so."""
        return problem(self.status, self.detail, dict(self.headers) | dict(more or {}))


def busy(detail: str) -> Refused:
    """It is not the caller's fault, and may go well in a moment."""
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, detail, (("Retry-After", RETRY_AFTER_S),))


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as RFC 9457 wants it."""
    document = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(
        body, status_code=status, headers=dict(headers or {}), media_type="application/problem+json"
    )
