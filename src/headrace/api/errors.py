"""Our own error form, ``{"error": {"code", "message"}}``, and how everything that can go wrong becomes it.

Pages outside ``/api/headrace/`` answer in HTML unless the caller prefers JSON (rulings 1, route table).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import OperationalError

from headrace.api.deps import Unavailable
from headrace.api.services import ServiceError
from headrace.store.buckets import BadWindow
from headrace.store.errors import BudgetExceeded, StoreUnavailable
from headrace.store.filters import BadFilter

API_PREFIX = "/api/headrace"
PAGES_PREFIX = "/app/"
log = logging.getLogger(__name__)

#: The code that a status has when nothing more exact is known.
CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "unprocessable",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
}
#: What a service's refusal is over HTTP.
_SERVICE_STATUS: Mapping[str, int] = {"not_found": 404, "conflict": 409, "invalid": 422, "forbidden": 403}
_TEXTS: Mapping[int, str] = {
    404: "nothing is served at this path",
    413: "the body is larger than this endpoint takes",
    500: "internal error",
}


class ErrorDetail(msgspec.Struct, frozen=True):
    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """Every error of our own API."""

    error: ErrorDetail


class ApiError(Exception):
    """An answer other than success, complete. ``message`` is shown as it is: it never quotes a secret or an engine."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


ErrorPage = Callable[[int, str], str]


def not_found(what: str) -> ApiError:
    """404 for an id that does not exist or belongs to somebody else; the two are not told apart."""
    return ApiError(404, "not_found", f"{what} not found")


def as_api_error(request: Request[Any, Any, Any], error: Exception) -> ApiError:
    """What ``error`` is to a client. Anything unforeseen is 500 without a word of detail; the log has the rest."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Unavailable):
        return ApiError(503, "unavailable", str(error), {"retry-after": str(error.retry_after)})
    if isinstance(error, ServiceError):
        return ApiError(_SERVICE_STATUS[error.code], error.code, error.message)
    if isinstance(error, BadFilter | BadWindow):
        return ApiError(400, "bad_request", str(error))
    if isinstance(error, BudgetExceeded):
        return ApiError(422, "too_expensive", f"{error}: ask for less time or fewer rows")
    if isinstance(error, StoreUnavailable):
        log.warning("%s %s: %s", request.method, request.scope["path"], error)
        return ApiError(503, "unavailable", "the store does not answer now", {"retry-after": "1"})
    if isinstance(error, OperationalError):
        log.warning("%s %s: the catalog does not answer", request.method, request.scope["path"], exc_info=error)
        return ApiError(503, "unavailable", "the catalog does not answer now", {"retry-after": "1"})
    if isinstance(error, ValidationException):
        return ApiError(400, "bad_request", _first_problem(error))
    if isinstance(error, HTTPException) and error.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
        status = error.status_code
        text = _TEXTS.get(status) or HTTPStatus(status).phrase.lower()
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            text = f"{request.method} is not allowed here"
        return ApiError(status, CODES.get(status, "bad_request"), text, error.headers)
    log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return ApiError(500, "internal", _TEXTS[500])


def _first_problem(error: ValidationException) -> str:
    """The first problem with its place: ``body.scopes: Expected `array`, got `str```."""
    extra = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        first = extra[0]
        source, key, text = first.get("source", "body"), str(first.get("key", "")), str(first.get("message", ""))
        if key == "data":  # the body as a whole; without any body the message is only the argument's name
            return "the body must be a JSON object" if "data" in text else f"body: {text}"
        return f"{source}.{key}: {text}" if key else text or error.detail
    return error.detail


def prefers_json(request: Request[Any, Any, Any]) -> bool:
    """Our API always speaks JSON, and so do the pages' twins; a page does when ``Accept`` ranks JSON above HTML."""
    path = request.scope["path"]
    if path.startswith(API_PREFIX) or (path.startswith(PAGES_PREFIX) and path.endswith(".json")):
        return True
    return request.accept.best_match(["text/html", "application/json"], "text/html") == "application/json"


def make_handler(
    error_page: ErrorPage | None, page_headers: Mapping[str, str]
) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    """The one exception handler of the app. Without ``error_page`` every answer is JSON."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        fault = as_api_error(request, error)
        headers = {"cache-control": "no-store", **fault.headers}
        if error_page is None or prefers_json(request):
            body = ErrorBody(ErrorDetail(fault.code, fault.message))
            return Response(body, status_code=fault.status, headers=headers, media_type=MediaType.JSON)
        page = error_page(fault.status, fault.message)
        return Response(page, status_code=fault.status, headers={**page_headers, **headers}, media_type=MediaType.HTML)

    return handle
