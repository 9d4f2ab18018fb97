"""Keys: minted or brought, listed, revoked."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.api.services import audit, key_text, stathat
from headrace.api.services.base import Actor, Context, ServiceError, line, live_project, require
from headrace.api.services.key_specs import KeySpec, grant, kind_of_style
from headrace.catalog import keys
from headrace.catalog.keys import KeyRecord
from headrace.catalog.projects import ProjectRow
from headrace.records.text import clean_text

_TAKEN = "this secret belongs to a key of this instance already (revoked keys count too)"


class NewKey(msgspec.Struct, frozen=True):
    """A key just made: the only time that its text (``key``) is seen. ``user_key``: beside a StatHat key, the project's for /c and /v."""

    id: str
    key: str
    project_id: str
    project: str
    scopes: list[str]
    name: str
    style: str
    kind: str
    reach: str
    shown: str
    created_at: int
    expires_at: int | None
    user_key: str | None


class KeyInfo(msgspec.Struct, frozen=True):
    """A key without its secret. ``project`` is its project's name; ``shown`` is how it begins ("" for a brought one);
    ``state`` live, expired or revoked. Times in µs.
    """

    id: str
    project_id: str
    project: str
    name: str
    style: str
    kind: str
    reach: str
    scopes: list[str]
    shown: str
    rate: int | None
    burst: int | None
    unlimited: bool
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    refused: int
    state: str


class KeyRefusals(msgspec.Struct, frozen=True):
    """How often a key's requests were refused, the last reason and when (µs)."""

    id: str
    project_id: str
    project: str
    name: str
    refused: int
    refused_reason: str
    refused_at: int | None


def create(context: Context, actor: Actor, *, project: str | int, spec: KeySpec) -> NewKey:
    """A key for ``project``. A key as actor grants no more than it holds: neither scopes, nor reach, nor life.
    Raises ``invalid``, ``forbidden``, ``not_found`` (project), ``conflict`` (the secret exists).
    """
    _require_keys(actor)
    with context.catalog.write() as conn:
        row = live_project(conn, actor, project)
        return add(context, conn, actor, row, spec)


def check(context: Context, actor: Actor, spec: KeySpec) -> None:
    """Raises ``invalid`` and ``forbidden`` for a key that the actor cannot make in any project."""
    grant(actor, spec, kind_of_style(spec.style), context.now())


def list_all(
    context: Context, actor: Actor, *, project: str | int | None = None, revoked: bool = True
) -> list[KeyInfo]:
    """The keys that the actor may manage, oldest first; only those of ``project`` when given."""
    now = context.now()
    found = _visible(context, actor, project)
    return [_info(record, now) for record in found if revoked or record.revoked_at is None]


def revoke(context: Context, actor: Actor, key_id: str) -> KeyInfo:
    """Revokes a key at once; a key may revoke itself. Raises ``not_found`` for an unknown, foreign or revoked key."""
    _require_keys(actor)
    now = context.now()
    with context.catalog.write() as conn:
        record = keys.by_id(conn, clean_text(key_id))
        if record is None or not _may_see(actor, record) or not keys.revoke(conn, record.id, now):
            raise ServiceError("not_found", "key not found")
        audit.note(
            context, conn, actor, "revoked a key", subject_id=record.id, subject=record.name, project=record.project
        )
    return _info(record._replace(revoked_at=now), now)


def rename(context: Context, actor: Actor, key_id: str, name: str) -> KeyInfo:
    """Another name for a key. Raises ``invalid``, ``not_found`` as :func:`revoke`."""
    _require_keys(actor)
    shown = line(name, "name")
    with context.catalog.write() as conn:
        record = keys.by_id(conn, clean_text(key_id))
        if record is None or not _may_see(actor, record) or not keys.rename(conn, record.id, shown):
            raise ServiceError("not_found", "key not found")
        told = f"{record.name} → {shown}"
        audit.note(
            context,
            conn,
            actor,
            "renamed a key",
            subject_id=record.id,
            subject=shown,
            project=record.project,
            details=told,
        )
    return _info(record._replace(name=shown), context.now())


def refusals(context: Context, actor: Actor, *, project: str | int | None = None) -> list[KeyRefusals]:
    """Keys with refused requests, the latest refusal first."""
    found = [record for record in _visible(context, actor, project) if record.refused]
    found.sort(key=lambda record: record.refused_at or 0, reverse=True)
    return [
        KeyRefusals(key.id, key.project_id, key.project_name, key.name, key.refused, key.refused_reason, key.refused_at)
        for key in found
    ]


def add(context: Context, conn: Connection, actor: Actor, project: ProjectRow, spec: KeySpec) -> NewKey:
    """Checks ``spec`` against the actor and stores the key."""
    now = context.now()
    text = key_text.mint(spec.style, test=spec.test)
    kind = kind_of_style(spec.style)
    if spec.secret is not None:
        text = key_text.check_brought(spec.secret)
        kind = "legacy" if kind == "legacy" else key_text.kind_of(text)
    granted = grant(actor, spec, kind, now)
    new = NewKey(
        id=context.new_id(),
        key=text,
        project_id=project.id,
        project=project.name,
        scopes=sorted(granted.scopes),
        name=granted.name,
        style=spec.style,
        kind=kind,
        reach="account" if spec.account_wide else "project",
        shown=text[: key_text.SHOWN] if spec.secret is None else "",
        created_at=now,
        expires_at=granted.expires_at,
        user_key=stathat.user_key(context, conn, project) if spec.style == "stathat" else None,
    )
    _store(conn, actor, project, spec, new)
    rights = ", ".join(new.scopes) + (", account-wide" if spec.account_wide else "")
    audit.note(
        context, conn, actor, "made a key", subject_id=new.id, subject=new.name, project=project.number, details=rights
    )
    return new


def _store(conn: Connection, actor: Actor, project: ProjectRow, spec: KeySpec, new: NewKey) -> None:
    digest = key_text.digest(new.key)
    if keys.secret_exists(conn, digest):
        raise ServiceError("conflict", _TAKEN)
    try:
        keys.add(
            conn,
            key_id=new.id,
            account_id=actor.account or project.account_id,
            project=project.number,
            reach=new.reach,
            kind=new.kind,
            style=new.style,
            name=new.name,
            scopes=frozenset(new.scopes),
            secret_sha256=digest,
            shown=new.shown,
            at=new.created_at,
            rate=spec.rate,
            burst=spec.burst,
            unlimited=spec.unlimited,
            expires_at=new.expires_at,
        )
    except IntegrityError:  # two nodes at the same moment
        raise ServiceError("conflict", _TAKEN) from None


def _require_keys(actor: Actor) -> None:
    """StatFlow's rule for key calls (rulings 2): a session, or a key that holds read and write; ``manage`` covers both."""
    if "manage" not in actor.scopes:
        require(actor, "read")
        require(actor, "write")


def _visible(context: Context, actor: Actor, project: str | int | None) -> list[KeyRecord]:
    _require_keys(actor)
    with context.catalog.read() as conn:
        number = None if project is None else live_project(conn, actor, project).number
        found = keys.load(conn, account_id=actor.account, project=actor.project if number is None else number)
    return [record for record in found if _may_see(actor, record)]


def _may_see(actor: Actor, record: KeyRecord) -> bool:
    """A key of one project manages that project's keys, not those that reach the whole account."""
    if actor.account is None:
        return True
    if record.account_id != actor.account:
        return False
    return actor.project is None or (record.project == actor.project and record.reach == "project")


def _state(record: KeyRecord, now: int) -> str:
    if record.revoked_at is not None:
        return "revoked"
    return "expired" if record.expires_at is not None and record.expires_at <= now else "live"


def _info(record: KeyRecord, now: int) -> KeyInfo:
    return KeyInfo(
        id=record.id,
        project_id=record.project_id,
        project=record.project_name,
        name=record.name,
        style=record.style,
        kind=record.kind,
        reach=record.reach,
        scopes=sorted(record.scopes),
        shown=record.shown,
        rate=record.rate,
        burst=record.burst,
        unlimited=record.unlimited,
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
        refused=record.refused,
        state=_state(record, now),
    )
