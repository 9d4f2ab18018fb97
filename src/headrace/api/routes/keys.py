"""Keys: listed, made, revoked; and what was refused to them."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from headrace.api.auth import manages, reads
from headrace.api.deps import TheActor, TheServices, TheTarget
from headrace.api.services import keys
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.keys import KeyInfo, KeyRefusals
from headrace.api.times import maybe, moment, when

Style = Literal["headrace", "statflow", "canaryhub", "seestack", "logister", "slowstats", "stathat"]


class Key(msgspec.Struct, frozen=True):
    """A key without its secret; ``shown`` is how it begins. ``rate`` in units a minute and ``burst`` in units override every
    dialect's own limit, ``unlimited`` lifts it.
    """

    id: str
    project_id: str
    name: str
    style: str
    kind: str
    reach: str
    scopes: list[str]
    shown: str
    rate: int | None
    burst: int | None
    unlimited: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class Keys(msgspec.Struct, frozen=True):
    keys: list[Key]


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``scopes`` default to write and read. ``secret`` brings a key that deployed programs already hold. ``expires_at`` is
    ISO 8601 with an offset.
    """

    name: str | None = None
    style: Style = "headrace"
    scopes: list[Literal["write", "read", "manage"]] | None = None
    account_wide: bool = False
    expires_at: str | None = None
    secret: str | None = None
    rate: int | None = None
    burst: int | None = None
    unlimited: bool = False


class MadeKey(msgspec.Struct, frozen=True):
    """``key`` is the secret: this answer is the only one that ever holds it."""

    id: str
    key: str
    project_id: str
    scopes: list[str]
    name: str
    style: str
    kind: str
    reach: str
    created_at: str
    expires_at: str | None


class Refusal(msgspec.Struct, frozen=True):
    """How often requests with a key were refused, and the last reason."""

    id: str
    project_id: str
    name: str
    refused: int
    reason: str
    refused_at: str | None


class Refusals(msgspec.Struct, frozen=True):
    refusals: list[Refusal]


def _key(info: KeyInfo) -> Key:
    values = {name: getattr(info, name) for name in Key.__struct_fields__}
    times = {name: maybe(values[name]) for name in ("expires_at", "revoked_at", "last_used_at")}
    return Key(**values | times | {"created_at": when(info.created_at)})


def _refusal(info: KeyRefusals) -> Refusal:
    return Refusal(info.id, info.project_id, info.name, info.refused, info.refused_reason, maybe(info.refused_at))


@get("/keys", guards=[reads], sync_to_thread=True, summary="List keys")
def list_keys(
    services: TheServices, actor: TheActor, project: FromQuery[str | None] = None, revoked: FromQuery[bool] = False
) -> Keys:
    """Oldest first: of ``project``, or of all that the calling key may manage. ``revoked`` adds revoked ones. The calling key
    holds ``manage``, or both other scopes.
    """
    found = keys.list_all(services.context, actor, project=project, revoked=revoked)
    return Keys([_key(info) for info in found])


@post(
    "/keys",
    guards=[manages],
    sync_to_thread=True,
    summary="Make a key",
    opt={"sample": {"name": "checkout", "scopes": ["write"]}},
)
def create_key(services: TheServices, target: TheTarget, data: JSONBody[NewKey]) -> Response[MadeKey]:
    """For ``project``. A key grants no more than it holds: neither scopes, nor reach, nor life."""
    context = services.context
    expires = None if data.expires_at is None else moment(data.expires_at, "expires_at", context.now())
    values = {name: getattr(data, name) for name in data.__struct_fields__} | {"expires_at": expires}
    made = keys.create(context, target.actor, project=target.project, spec=KeySpec(**values))
    values = {name: getattr(made, name) for name in MadeKey.__struct_fields__}
    values |= {"created_at": when(made.created_at), "expires_at": maybe(made.expires_at)}
    return Response(MadeKey(**values), status_code=201, headers={"cache-control": "no-store"})


@delete("/keys/{key:str}", guards=[manages], sync_to_thread=True, summary="Revoke a key")
def revoke_key(services: TheServices, actor: TheActor, key: FromPath[str]) -> None:
    """Takes effect at once, everywhere. A key may revoke itself."""
    keys.revoke(services.context, actor, key)


@get("/keys/refusals", guards=[reads], sync_to_thread=True, summary="Refused requests by key")
def list_refusals(services: TheServices, actor: TheActor, project: FromQuery[str | None] = None) -> Refusals:
    """Keys with refused requests, the latest refusal first; never any part of what was sent."""
    return Refusals([_refusal(info) for info in keys.refusals(services.context, actor, project=project)])


HANDLERS = (list_keys, create_key, revoke_key, list_refusals)
