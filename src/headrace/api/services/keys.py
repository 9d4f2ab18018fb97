"""Keys: minted or brought, listed, revoked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.api.services import audit, key_text, stathat
from headrace.api.services.base import SCOPES, Actor, Context, ServiceError, between, line, live_project, require
from headrace.catalog import keys
from headrace.catalog.keys import KeyRecord
from headrace.catalog.projects import ProjectRow
from headrace.records.text import clean_text

#: Scopes of a key when none are asked for.
DEFAULT_SCOPES = frozenset(("write", "read"))
#: Highest rate (units per minute) and burst (units) that can be set.
RATE_MAX = 1_000_000_000
#: The latest expiry: the year 2200, in µs.
EXPIRY_MAX = 7_258_118_400_000_000

_TAKEN = "this secret belongs to a key of this instance already (revoked keys count too)"


class KeySpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a key should be. ``name`` None or empty: named after its style. ``scopes`` None: write and read (a legacy key: write). ``secret`` brings a key instead of
    minting one in ``style``; ``test``: one that looks as SeeStack's for its environment ``test`` do. ``rate`` units per minute and ``burst`` units override every dialect's limit, ``unlimited``
    lifts it. ``expires_at`` in µs.
    """

    name: str | None = None
    style: str = "headrace"
    scopes: Iterable[str] | None = None
    account_wide: bool = False
    expires_at: int | None = None
    secret: str | None = None
    test: bool = False
    rate: int | None = None
    burst: int | None = None
    unlimited: bool = False


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
    _scopes(actor, "legacy" if spec.style == "stathat" else "key", spec)
    _check_limits(spec)
    _name(spec)
    _expiry(actor, spec.expires_at, context.now())


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
    kind = "legacy" if spec.style == "stathat" else "key"
    if spec.secret is not None:
        text = key_text.check_brought(spec.secret)
        kind = "legacy" if spec.style == "stathat" else key_text.kind_of(text)
    scopes = _scopes(actor, kind, spec)
    _check_limits(spec)
    if spec.account_wide and actor.project is not None:
        raise ServiceError("forbidden", "a key of one project cannot make an account-wide key")
    new = NewKey(
        id=context.new_id(),
        key=text,
        project_id=project.id,
        project=project.name,
        scopes=sorted(scopes),
        name=_name(spec),
        style=spec.style,
        kind=kind,
        reach="account" if spec.account_wide else "project",
        shown=text[: key_text.SHOWN] if spec.secret is None else "",
        created_at=now,
        expires_at=_expiry(actor, spec.expires_at, now),
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


def _name(spec: KeySpec) -> str:
    return line(spec.name, "name") if spec.name and spec.name.strip() else f"{spec.style} key"


def _scopes(actor: Actor, kind: str, spec: KeySpec) -> frozenset[str]:
    if spec.scopes is None:
        wanted = frozenset(("write",)) if kind == "legacy" else DEFAULT_SCOPES
    else:
        wanted = frozenset(spec.scopes)
    if not wanted or not wanted <= SCOPES:
        raise ServiceError("invalid", "scopes must be some of write, read and manage")
    if kind == "legacy" and wanted != {"write"}:
        raise ServiceError("invalid", "this key can only hold the write scope: it works at /ez, /c and /v alone")
    missing = sorted(wanted - actor.scopes)
    if missing:
        raise ServiceError("forbidden", f"this key cannot grant the {missing[0]} scope: it does not hold it")
    return wanted


def _check_limits(spec: KeySpec) -> None:
    if spec.unlimited and (spec.rate is not None or spec.burst is not None):
        raise ServiceError("invalid", "a key has either a rate or no rate limit")
    if spec.rate is not None:
        between(spec.rate, "rate", 1, RATE_MAX)
    if spec.burst is not None:
        between(spec.burst, "burst", 1, RATE_MAX)
    if spec.burst is not None and spec.rate is None:
        raise ServiceError("invalid", "a burst needs a rate")


def _expiry(actor: Actor, wanted: int | None, now: int) -> int | None:
    if wanted is None:
        return actor.expires_at
    if not now < wanted <= EXPIRY_MAX:
        raise ServiceError("invalid", "expires_at must lie in the future, before the year 2200")
    if actor.expires_at is not None and wanted > actor.expires_at:
        raise ServiceError("forbidden", "a key cannot make one that outlives it")
    return wanted


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
