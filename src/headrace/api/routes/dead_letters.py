"""Dead letters: rows that the store refused. Seen, fixed, replayed, discarded."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from headrace.api.auth import manages, reads
from headrace.api.deps import TheActor, TheServices
from headrace.api.services import dead_letters
from headrace.api.services.dead_letters import DeadLetter as LetterInfo
from headrace.api.times import maybe, when

State = Literal["open", "replayed", "discarded"]
#: Letters on a page when the caller does not say.
DEFAULT_PAGE = 50


class DeadLetter(msgspec.Struct, frozen=True):
    """``row`` is the refused row as text, a JSON array; ``columns`` names its values in order; ``reason`` says why the store
    refused it.
    """

    id: str
    project_id: str | None
    table: str
    columns: list[str]
    row: str
    reason: str
    state: str
    created_at: str
    replayed_at: str | None


class DeadLetters(msgspec.Struct, frozen=True):
    """``next`` is the ``cursor`` of the following page, null on the last."""

    dead_letters: list[DeadLetter]
    next: str | None


class NewRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``row``: all values in the order of ``columns``."""

    row: list[Any]


def _view(info: LetterInfo) -> DeadLetter:
    return DeadLetter(
        id=info.id,
        project_id=info.project_id,
        table=info.table,
        columns=dead_letters.columns(info.table),
        row=info.row,
        reason=info.reason,
        state=info.state,
        created_at=when(info.created_at),
        replayed_at=maybe(info.replayed_at),
    )


@get("/dead-letters", guards=[reads], sync_to_thread=True, summary="List dead letters")
def list_dead_letters(
    services: TheServices,
    actor: TheActor,
    project: FromQuery[str | None] = None,
    letter_state: Annotated[State, QueryParameter(name="state")] = "open",
    limit: FromQuery[int] = DEFAULT_PAGE,
    cursor: FromQuery[str | None] = None,
) -> DeadLetters:
    """Newest first: of ``project``, or of all that the key reaches."""
    page = dead_letters.page(services.context, actor, project=project, state=letter_state, limit=limit, cursor=cursor)
    return DeadLetters([_view(info) for info in page.dead_letters], page.next)


@get("/dead-letters/{letter:str}", guards=[reads], sync_to_thread=True, summary="One dead letter")
def get_dead_letter(services: TheServices, actor: TheActor, letter: FromPath[str]) -> DeadLetter:
    """The row and the reason why it was refused."""
    return _view(dead_letters.get(services.context, actor, letter))


@put("/dead-letters/{letter:str}/row", guards=[manages], sync_to_thread=True, summary="Fix a dead letter")
def fix_dead_letter(
    services: TheServices, actor: TheActor, letter: FromPath[str], data: JSONBody[NewRow]
) -> DeadLetter:
    """Replaces the row of an open letter by one that its table can hold. It stays in its project."""
    row = msgspec.json.encode(data.row).decode()
    return _view(dead_letters.fix(services.context, actor, letter, row))


@post(
    "/dead-letters/{letter:str}/replay",
    guards=[manages],
    status_code=200,
    sync_to_thread=True,
    summary="Replay a dead letter",
)
def replay_dead_letter(services: TheServices, actor: TheActor, letter: FromPath[str]) -> DeadLetter:
    """Sends the row through the journal again, once, and closes the letter."""
    return _view(dead_letters.replay(services.context, actor, letter, services.append))


@delete(
    "/dead-letters/{letter:str}",
    guards=[manages],
    status_code=200,
    sync_to_thread=True,
    summary="Discard a dead letter",
)
def discard_dead_letter(services: TheServices, actor: TheActor, letter: FromPath[str]) -> DeadLetter:
    """Closes the letter without replaying it; it stays in the list of discarded ones."""
    return _view(dead_letters.discard(services.context, actor, letter))


HANDLERS = (list_dead_letters, get_dead_letter, fix_dead_letter, replay_dead_letter, discard_dead_letter)
