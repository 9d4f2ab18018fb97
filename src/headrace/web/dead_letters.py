"""Dead letters: rows that the store refused. Seen, fixed, replayed, discarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, dead_letters
from headrace.api.services.dead_letters import DeadLetter, DeadLetterPage, State
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web.door import TheForm, TheProject, TheViewer, needs, redirect
from headrace.web.frame import TWIN, Frame, get_page, page

_BASE = "/app/p/{slug:str}/dead-letters"
#: Letters on a page of the list.
PAGE = 50
#: Bytes of the form that fixes a row; larger rows are fixed through the API.
FORM_BYTES = 2 * 1024 * 1024
#: Characters of a value that the page shows.
VALUE_MAX = 2_000
_DONE = {
    "fixed": "The row is changed. It goes nowhere until it is replayed.",
    "replayed": "The row went through the journal again.",
    "discarded": "The letter is discarded: its row stays here and goes nowhere.",
}


class LetterView(msgspec.Struct, frozen=True):
    """A letter with its row as (column, value as JSON) pairs; none where the row cannot be read."""

    letter: DeadLetter
    values: list[tuple[str, str]]
    may_change: bool


class LettersView(msgspec.Struct, frozen=True):
    """``state``: which letters these are. ``next``: the cursor of the page that follows."""

    state: str
    letters: list[DeadLetter]
    next: str | None


@get_page(_BASE)
def letters_page(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, project: TheProject
) -> Response[Any]:
    """The project's letters, newest first."""
    query = request.query_params
    state = query.get("state", "open")
    found: DeadLetterPage = dead_letters.page(
        services.context,
        project.actor,
        project=project.info.number,
        state=cast("State", state),
        limit=PAGE,
        cursor=query.get("cursor"),
    )
    frame = Frame(request, services, viewer, project, here="dead-letters")
    view = LettersView(state, found.dead_letters, found.next)
    notice = _DONE.get(query.get("done", ""), "")
    return page(request, services, "dead_letters/index.html", view, frame=frame, notice=notice)


@get_page(_BASE + "/{letter:str}")
def letter_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    letter: FromPath[str],
) -> Response[Any]:
    """One letter with its row."""
    notice = _DONE.get(request.query_params.get("done", ""), "")
    return _letter(request, services, viewer, project, letter.removesuffix(TWIN), notice=notice)


@post(
    _BASE + "/{letter:str}/fix",
    guards=[needs("admin")],
    opt={"form_bytes": FORM_BYTES},
    include_in_schema=False,
    sync_to_thread=True,
)
def fix(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    letter: FromPath[str],
    form: TheForm,
) -> Response[Any]:
    """Replaces the row; with the button that says so, replays it at once."""
    row = form.get("row")

    def change(found: DeadLetter) -> str:
        dead_letters.fix(services.context, project.actor, found.id, row)
        if form.get("then") != "replay":
            return "fixed"
        dead_letters.replay(services.context, project.actor, found.id, services.append)
        return "replayed"

    return _change(request, services, viewer, project, letter, change, row)


@post(_BASE + "/{letter:str}/replay", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def replay(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    letter: FromPath[str],
) -> Response[Any]:
    """Sends the row through the journal again."""

    def change(found: DeadLetter) -> str:
        dead_letters.replay(services.context, project.actor, found.id, services.append)
        return "replayed"

    return _change(request, services, viewer, project, letter, change)


@post(_BASE + "/{letter:str}/discard", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def discard(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    letter: FromPath[str],
) -> Response[Any]:
    """Closes the letter without replaying it."""

    def change(found: DeadLetter) -> str:
        dead_letters.discard(services.context, project.actor, found.id)
        return "discarded"

    return _change(request, services, viewer, project, letter, change)


def _change(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    project: Membership,
    letter: str,
    change: Callable[[DeadLetter], str],
    row: str | None = None,
) -> Response[Any]:
    found = _find(services, project, letter)
    try:
        done = change(found)
    except ServiceError as error:
        return _letter(request, services, viewer, project, letter, problem=error.message, row=row)
    base = f"{services.path_prefix}/app/p/{project.info.slug}/dead-letters"
    return redirect(f"{base}/{found.id}?done=fixed" if done == "fixed" else f"{base}?done={done}")


def _find(services: Services, project: Membership, letter: str) -> DeadLetter:
    """The letter, if it is of this project. Raises ``not_found``."""
    found = dead_letters.get(services.context, project.actor, letter)
    if found.project_id != project.info.id:
        raise ServiceError("not_found", "dead letter not found")
    return found


def _letter(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    project: Membership,
    letter: str,
    *,
    notice: str = "",
    problem: str = "",
    row: str | None = None,
) -> Response[Any]:
    found = _find(services, project, letter)
    view = LetterView(found, _values(found), project.allows("admin") and found.state == "open")
    frame = Frame(request, services, viewer, project, here="dead-letters")
    return page(
        request,
        services,
        "dead_letters/letter.html",
        view,
        frame=frame,
        status=422 if problem else 200,
        notice=notice,
        problem=problem,
        row=_lines(found.row) if row is None else row,
    )


def _values(letter: DeadLetter) -> list[tuple[str, str]]:
    names = dead_letters.columns(letter.table)
    try:
        values = msgspec.json.decode(letter.row, type=list[msgspec.Raw])
    except (ValueError, RecursionError):
        return []
    # A row may lack its last column, the segment that it was loaded with.
    texts = [bytes(value).decode("utf-8", "replace")[:VALUE_MAX] for value in values]
    return list(zip(names, texts, strict=False)) if len(names) - len(texts) in (0, 1) else []


def _lines(row: str) -> str:
    """The row with a line for each value, where it can be read."""
    try:
        return msgspec.json.format(row, indent=1)
    except (ValueError, RecursionError):
        return row


HANDLERS = (letters_page, letter_page, fix, replay, discard)
