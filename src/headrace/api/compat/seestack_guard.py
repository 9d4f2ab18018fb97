"""How SeeStack's handlers say no: what services and store refuse, in the envelope (contract 1.8, 4)."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_lists import Work
from headrace.api.services import ServiceError
from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.seestack_fields import fast_object
from headrace.dialects.seestack_forms import Unreadable, envelope_error, fault, unreadable
from headrace.records.intents import Answer, StreamAnswer
from headrace.records.text import clean_text
from headrace.store import BudgetExceeded, StoreUnavailable

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5

#: Characters of an id that are told back.
TOLD_CHARS = 100

_REFUSED = {
    "not_found": (404, "NOT_FOUND"),
    "conflict": (409, "CONFLICT"),
    "invalid": (422, "VALIDATION_ERROR"),
    "forbidden": (403, "FORBIDDEN"),
}


def guarded(services: CompatServices, request: ReadRequest, work: Work) -> Answer | StreamAnswer:
    """What ``work`` answers, or why it cannot."""
    try:
        return work(services, request)
    except Unreadable as error:
        raise unreadable(str(error)) from None
    except ServiceError as error:
        return refused(_named(error, request))
    except BudgetExceeded:
        return fault(Fault.INTERNAL, FaultDetail())
    except (StoreUnavailable, DBAPIError, PoolTimeout):
        return fault(Fault.UNAVAILABLE, FaultDetail(retry_after=RETRY_AFTER_S))


def _named(error: ServiceError, request: ReadRequest) -> ServiceError:
    """``error`` with the id of what was not found, as contract 4 has it, where the request says one."""
    if error.code != "not_found" or ": " in error.message:
        return error
    if error.message.startswith("project"):
        told = request.query().get("projectId") or (fast_object(request.body) or {}).get("projectId")
    else:
        told = next(iter(request.params.values()), None)
    if type(told) is not str or not told:
        return error
    return ServiceError(error.code, f"{error.message}: {clean_text(told[:TOLD_CHARS])}")


def refused(error: ServiceError) -> Answer:
    """A service's refusal. The note for the key's owner leaves out what was asked for, which follows a colon."""
    status, code = _REFUSED[error.code]
    message = error.message[:1].upper() + error.message[1:]
    return envelope_error(status, code, message, reason=message.partition(": ")[0])
