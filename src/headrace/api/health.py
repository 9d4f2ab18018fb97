"""``/healthz``: the process lives. ``/readyz``: it can accept durably (rulings 4, ``/readyz``)."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import Response, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from headrace import __version__
from headrace.api.deps import TheServices

NO_STORE = {"cache-control": "no-store"}


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"]
    version: str


class ReadyState(msgspec.Struct, frozen=True):
    """``reasons`` stop ingest; ``degraded`` does not."""

    status: Literal["ready", "unavailable"]
    reasons: list[str]
    degraded: list[str]


@get("/healthz", sync_to_thread=False, tags=["headrace"], operation_id="healthz", summary="The process lives")
def healthz() -> Response[Health]:
    """Answers 200 as long as the process can answer at all."""
    return Response(Health("ok", __version__), headers=NO_STORE)


@get(
    "/readyz", sync_to_thread=False, tags=["headrace"], operation_id="readyz", summary="Records can be accepted durably"
)
def readyz(services: TheServices) -> Response[ReadyState]:
    """200 when a record sent now would be acknowledged, else 503 with the reasons. A store that does not answer and a loader
    that lags are listed as ``degraded``: ingest goes on.
    """
    readiness = services.ready.check()
    state = ReadyState(
        "unavailable" if readiness.reasons else "ready", list(readiness.reasons), list(readiness.degraded)
    )
    return Response(
        state,
        status_code=HTTP_503_SERVICE_UNAVAILABLE if readiness.reasons else HTTP_200_OK,
        headers=NO_STORE | ({"retry-after": "5"} if readiness.reasons else {}),
    )
