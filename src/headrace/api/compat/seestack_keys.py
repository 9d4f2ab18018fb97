"""SeeStack's API keys (contract 4): made, listed, renamed, revoked, below a project's path and by their own ids."""

from __future__ import annotations

from typing import Any

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_lists import Work, listed, paging, private, query_fields
from headrace.api.compat.seestack_logins import Place, enter, not_found, places
from headrace.api.compat.seestack_projects import named
from headrace.api.services import ServiceError, key_actor, keys
from headrace.api.services.base import LOGIN, SCOPES, Actor
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.key_text import SHOWN, TEST_PARTS
from headrace.api.services.keys import KeyInfo, NewKey
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import Unreadable, envelope, read_object
from headrace.records.intents import Answer
from headrace.records.times import iso_text

ENVIRONMENTS = ("production", "test")
#: Whatever a key looks like to programs that read its beginning.
_TEST = TEST_PARTS[0].prefix[:SHOWN]
#: A SeeStack key stands in programs that anybody may read.
_SENDS_ONLY = ("write",)


def _create_in_project(services: CompatServices, request: ReadRequest) -> Answer:
    return _create(services, request, request.params["project"])


def _create_own(services: CompatServices, request: ReadRequest) -> Answer:
    return _create(services, request, None)


def _create(services: CompatServices, request: ReadRequest, ref: str | None) -> Answer:
    fields = Fields(read_object(request.body))
    name, environment = named(fields), fields.one_of("environment", ENVIRONMENTS)
    scopes = _scopes(fields)
    sent = fields.text("projectId") if ref is None else ""
    fields.check()
    place = _enter(services, request, ref or sent or None)
    spec = KeySpec(name=name, style="seestack", scopes=scopes, test=environment == "test")
    made = keys.create(services.context, place.actor, project=place.project, spec=spec)
    return private(envelope(_shown(made) | {"key": made.key}, 201))


def _list_of_project(services: CompatServices, request: ReadRequest) -> Answer:
    return _list(services, request, request.params["project"])


def _list_own(services: CompatServices, request: ReadRequest) -> Answer:
    return _list(services, request, request.query().get("projectId") or None)


def _list(services: CompatServices, request: ReadRequest, ref: str | None) -> Answer:
    fields = query_fields(request)
    page = paging(fields)
    fields.check()
    found: list[KeyInfo] = []
    for actor, project in _shelves(services, request, ref):
        found += keys.list_all(services.context, actor, project=project, revoked=False)
    shown = found[page.offset : page.offset + page.per_page]
    return listed([_shown(one) for one in shown], page, len(found))


def _rename_in_project(services: CompatServices, request: ReadRequest) -> Answer:
    name = _name(request)
    return _renamed(services, _of_project(services, request), request, name)


def _rename_own(services: CompatServices, request: ReadRequest) -> Answer:
    name = _name(request)
    return _renamed(services, _holder(services, request), request, name)


def _renamed(services: CompatServices, actor: Actor, request: ReadRequest, name: str) -> Answer:
    key_id = request.params["id"]
    with not_found("API key", key_id):
        return private(envelope(_shown(keys.rename(services.context, actor, key_id, name)), 200))


def _revoke_in_project(services: CompatServices, request: ReadRequest) -> Answer:
    _revoke(services, _of_project(services, request), request.params["id"])
    return Answer(204, b"", ())


def _revoke_own(services: CompatServices, request: ReadRequest) -> Answer:
    _revoke(services, _holder(services, request), request.params["id"])
    return private(envelope({"status": "revoked"}, 200))


def _revoke(services: CompatServices, actor: Actor, key_id: str) -> None:
    with not_found("API key", key_id):
        keys.revoke(services.context, actor, key_id)


# --- where keys are, and who asks


def _enter(services: CompatServices, request: ReadRequest, ref: str | None) -> Place:
    """The project that is named, else the key's own or the first that a person manages."""
    if ref is not None:
        return enter(services.context, request, ref, "manage")
    if request.key.kind != LOGIN:
        return enter(services.context, request, request.key.project, "manage")
    found = [place for place in places(services.context, request) if "manage" in place.actor.scopes]
    if not found:
        raise ServiceError("forbidden", "you manage no project")
    return Place(found[0].info.number, found[0].actor)


def _shelves(services: CompatServices, request: ReadRequest, ref: str | None) -> list[tuple[Actor, int | None]]:
    """As whom, and in which projects (None: in all that a key reaches), keys are looked for."""
    if ref is not None:
        place = enter(services.context, request, ref, "manage")
        return [(place.actor, place.project)]
    if request.key.kind != LOGIN:
        return [(key_actor(request.key, request.address), None)]
    actors = [place.actor for place in places(services.context, request) if "manage" in place.actor.scopes]
    # Whose account projects belong to reaches them all at once, however many they are.
    return list({(actor.account, actor.project): (actor, actor.project) for actor in actors}.values())


def _of_project(services: CompatServices, request: ReadRequest) -> Actor:
    """Who may change the key that the path names, if it is one of the project that the path names. Raises ``not_found``."""
    return _keeper(services, request, request.params["project"])


def _holder(services: CompatServices, request: ReadRequest) -> Actor:
    """Who may change the key that the path names, wherever it is. Raises ``not_found``."""
    return _keeper(services, request, None)


def _keeper(services: CompatServices, request: ReadRequest, ref: str | None) -> Actor:
    key_id = request.params["id"]
    for actor, project in _shelves(services, request, ref):
        found = keys.list_all(services.context, actor, project=project, revoked=False)
        if any(one.id == key_id for one in found):
            return actor
    raise ServiceError("not_found", f"API key not found: {key_id}")


# --- bodies and answers


def _name(request: ReadRequest) -> str:
    fields = Fields(read_object(request.body))
    name = named(fields)
    fields.check()
    return name


def _scopes(fields: Fields) -> tuple[str, ...]:
    sent = fields.sent.get("scopes")
    if sent is None:
        return _SENDS_ONLY
    if type(sent) is not list or not all(type(one) is str for one in sent):
        raise Unreadable("scopes")
    if not sent or not SCOPES.issuperset(sent):
        fields.refuse("scopes", "must be some of write, read and manage")
    return tuple(sent)


def _shown(key: KeyInfo | NewKey) -> dict[str, Any]:
    last = key.last_used_at if isinstance(key, KeyInfo) else None
    return {
        "id": key.id,
        "projectId": key.project_id,
        "name": key.name,
        "keyPrefix": key.shown,
        "environment": "test" if key.shown == _TEST else "production",
        "scopes": sorted(key.scopes),
        "lastUsedAt": None if last is None else iso_text(last, 3),
        "createdAt": iso_text(key.created_at, 3),
    }


WORK: dict[str, Work] = {
    "project_keys_create": _create_in_project,
    "project_keys_list": _list_of_project,
    "project_keys_rename": _rename_in_project,
    "project_keys_revoke": _revoke_in_project,
    "keys_create": _create_own,
    "keys_list": _list_own,
    "keys_rename": _rename_own,
    "keys_revoke": _revoke_own,
}
