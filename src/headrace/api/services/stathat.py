"""StatHat in a project: its user key for the classic API, and what is switched on."""

from __future__ import annotations

import hmac
from itertools import count

import msgspec
from sqlalchemy import Connection

from headrace.api.services import audit, key_text
from headrace.api.services.base import Actor, Context, live_project, require
from headrace.catalog import keys, meta, projects
from headrace.catalog.projects import ProjectRow

#: Characters of a user key.
USER_KEY_LENGTH = 32


class StatHatInfo(msgspec.Struct, frozen=True):
    """``ez``: points are taken at /ez; ``browsers``: pages of other origins may read what /c and /v answer; ``user_key``: what programs and
    pages send there as ``ukey``, beside the ``classic_key`` of a stat.
    """

    project_id: str
    project: str
    ez: bool
    browsers: bool
    user_key: str


def get(context: Context, actor: Actor, *, project: str | int) -> StatHatInfo:
    """How StatHat is set up in ``project``; a user key is made when it has none. Raises ``forbidden``, ``not_found``."""
    return change(context, actor, project=project)


def change(
    context: Context, actor: Actor, *, project: str | int, ez: bool | None = None, browsers: bool | None = None
) -> StatHatInfo:
    """As :func:`get`, after switching what is given."""
    require(actor, "manage")
    with context.catalog.write() as conn:
        row = live_project(conn, actor, project)
        wanted = row._replace(ez=row.ez if ez is None else ez, browsers=row.browsers if browsers is None else browsers)
        if wanted != row:
            projects.switch(conn, row.id, ez=wanted.ez, browsers=wanted.browsers)
            details = f"StatHat: points {_on(wanted.ez)}, pages of other origins {_on(wanted.browsers)}"
            audit.note(
                context,
                conn,
                actor,
                "changed settings",
                subject_id=row.id,
                subject=row.name,
                project=row.number,
                details=details,
            )
        return StatHatInfo(row.id, row.name, wanted.ez, wanted.browsers, user_key(context, conn, row))


def _on(switched: bool) -> str:
    return "on" if switched else "off"


def user_key(context: Context, conn: Connection, project: ProjectRow) -> str:
    """The project's live user key. It is no secret (web pages show it), so it is derived and can be told again; one that was revoked is
    followed by the next of its line.
    """
    secret = meta.instance_secret(conn)
    for generation in count():
        text = hmac.digest(secret, f"user key {generation} {project.id}".encode(), "sha256").hex()[:USER_KEY_LENGTH]
        digest = key_text.digest(text)
        if keys.is_live(conn, digest):
            return text
        if not keys.secret_exists(conn, digest):
            _add(context, conn, project, digest)
            return text
    raise AssertionError("the line of keys does not end")


def _add(context: Context, conn: Connection, project: ProjectRow, digest: bytes) -> None:
    keys.add(
        conn,
        key_id=context.new_id(),
        account_id=project.account_id,
        project=project.number,
        reach="project",
        kind="classic",
        style="stathat",
        name="StatHat user key",
        scopes=frozenset(("write",)),
        secret_sha256=digest,
        shown="",
        at=context.now(),
    )
