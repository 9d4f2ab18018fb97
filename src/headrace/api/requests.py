"""How a JSON body is read: its type, its size, its text. Every fault is a 4xx in our form, never a 500."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from headrace.api.errors import ApiError
from headrace.records.text import clean_json

#: Largest body of our own API, bytes. A dead letter's row is the largest thing that is ever sent (the biggest
#: vendor body that becomes one row is 2 MiB).
MAX_BODY = 4 * 1024 * 1024


class ApiRequest(Request[Any, Any, Any]):
    """A request whose body is JSON or nothing."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces. Raises :class:`ApiError` 400 when the client ends within it, which Litestar takes for its own fault."""
        try:
            async for piece in super().stream():
                yield piece
        except InternalServerException:
            raise ApiError(400, "bad_request", "the body is not complete") from None

    async def json(self) -> Any:
        """The parsed body, its text free of NUL. Raises :class:`ApiError` 415 for another type or encoding, 400 for anything
        that is not JSON.
        """
        _check_type(self)
        body = await self.body()
        try:
            return clean_json(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ApiError(400, "bad_request", "the body is not valid JSON") from None
        except RecursionError:
            raise ApiError(400, "bad_request", "the body is nested too deeply") from None


def check_encoding(request: Request[Any, Any, Any]) -> None:
    """Raises :class:`ApiError` 415 for a body that is packed."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ApiError(415, "unsupported_media_type", "send the body without a Content-Encoding")


def _check_type(request: ApiRequest) -> None:
    check_encoding(request)
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise ApiError(415, "unsupported_media_type", "send the body as application/json")
