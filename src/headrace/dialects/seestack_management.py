"""What the rows of SeeStack's management endpoints have in common (contract 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.dialects.base import Inbound, Route, Scope, Step
from headrace.dialects.seestack_answers import Answers, bodied, error, invalid, keyed
from headrace.dialects.seestack_forms import require_json

#: Bytes of a body, as sent and decoded (rulings 1).
BODY_CAP = 2 * 1024 * 1024

READ: tuple[Step, ...] = ("auth", "scope", "charge_request", "handle")
WRITE: tuple[Step, ...] = ("auth", "scope", "headers", "charge_request", "body", "handle")
#: Who may: keys, and people who have signed in.
KINDS = ("key", "login")

#: The parameter of whatever acts in one project, and what names none that is reachable.
PROJECT = ("projectId", "Id of a project that the key reaches; without it the key's own.")
NO_PROJECT = (404, error("NOT_FOUND", "Project not found: 0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10"))
BAD_PAGE = invalid("page", "must be a whole number from 1 to 2147483647")


def placed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """``steps`` of what acts in one project: that of a login is looked for last."""
    return (*steps[:-1], "place", *steps[-1:])


def managed(
    method: str,
    path: str,
    name: str,
    summary: str,
    answers: Answers,
    *,
    scope: Scope | None = None,
    body: Any = None,
    parameters: tuple[tuple[str, str], ...] = (),
    steps: tuple[Step, ...] | None = None,
    shared: Answers | None = None,
    secret_of: Callable[[Inbound], str | None] | None = None,
) -> Route:
    """The row of an endpoint. Reads take the scope ``read`` and changes ``manage``; it acts in one project unless ``steps`` say otherwise;
    ``shared``: what it answers beside ``answers`` and what a body brings, by default all that a key does. Query or body may name the
    project, so that a key of the whole account outlives the project that it names when they do not.
    """
    needed: Scope = scope or ("read" if method == "GET" else "manage")
    everywhere = keyed(str(needed)) if shared is None else shared
    return Route(
        path=path,
        method=method,
        dialect="seestack",
        steps=steps or placed(READ if body is None else WRITE),
        summary=summary,
        scope=needed,
        kinds=KINDS,
        names_project=True,
        handler=f"seestack.{name}",
        cap=BODY_CAP if body else 0,
        decoded_cap=BODY_CAP if body else 0,
        encodings=("gzip", "deflate", "zstd") if body else (),
        group="api",
        check_headers=require_json if body else None,
        body_type=body,
        secret_of=secret_of,
        parameters=parameters,
        answers=tuple(sorted((*answers, *everywhere, *(bodied(BODY_CAP) if body else ())))),
    )
