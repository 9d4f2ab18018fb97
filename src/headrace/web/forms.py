"""Forms as browsers send them: read once, within a limit, every field a string."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from headrace.api.errors import ApiError

#: Bytes of a form unless its handler says otherwise (``opt={"form_bytes": …}``), and how many fields are read from it.
MAX_FORM = 64 * 1024
MAX_FIELDS = 100
FORM_TYPE = "application/x-www-form-urlencoded"


class Form:
    """A form's fields. A field that is missing reads as ""."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """The first value of ``name``."""
        return next((value for field, value in self._pairs if field == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of ``name``: boxes that were ticked."""
        return [value for field, value in self._pairs if field == name]


def is_form(request: Request[Any, Any, Any]) -> bool:
    """Whether the request brings a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_TYPE


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """The form, however often it is asked for. Raises :class:`ApiError` 415, 413, 400."""
    found: Form | None = request.state.get("form")
    if found is None:
        found = request.state.form = await _read(request)
    return found


async def _read(request: Request[Any, Any, Any]) -> Form:
    if not is_form(request):
        raise ApiError(415, "unsupported_media_type", f"send the form as {FORM_TYPE}")
    limit: int = request.route_handler.opt.get("form_bytes", MAX_FORM)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise ApiError(413, "too_large", "the form is too large")
    try:
        pairs = parse_qsl(body.decode("ascii", "replace"), max_num_fields=MAX_FIELDS, keep_blank_values=True)
    except ValueError:
        raise ApiError(400, "bad_request", "the form has too many fields") from None
    return Form(pairs)
