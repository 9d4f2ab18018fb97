"""SeeStack's projects (contract 4): listed, made, deleted, by keys and by logins."""

from __future__ import annotations

from typing import Any

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_lists import Work, private
from headrace.api.compat.seestack_logins import enter, not_found, person, places, who_is
from headrace.api.services import Actor, key_actor, projects, registration
from headrace.api.services.base import LOGIN, NAME_MAX
from headrace.api.services.projects import ProjectInfo
from headrace.catalog.projects import DEFAULT_PLATFORM, PLATFORMS
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import envelope, read_object
from headrace.records.intents import Answer
from headrace.records.times import iso_text


def _create(services: CompatServices, request: ReadRequest) -> Answer:
    fields = Fields(read_object(request.body))
    name, platform = named(fields), fields.text("platform")
    fields.check()
    made = registration.create_project(
        services.context,
        _maker(services, request),
        name=name,
        platform=platform if platform in PLATFORMS else DEFAULT_PLATFORM,
    )
    key = {"apiKey": made.key.key, "apiKeyPrefix": made.key.shown}
    return private(envelope(_shown(made.project) | key, 201))


def _list(services: CompatServices, request: ReadRequest) -> Answer:
    """A bare list, as upstream's is."""
    context = services.context
    found: list[Any]
    if request.key.kind == LOGIN:
        found = [place.info for place in places(context, request)]
    else:
        found = projects.list_all(context, key_actor(request.key, request.address))
    return private(envelope([_shown(one) for one in found], 200))


def _get(services: CompatServices, request: ReadRequest) -> Answer:
    place = enter(services.context, request, request.params["project"], "read")
    return private(envelope(_shown(projects.get(services.context, place.actor, place.project)), 200))


def _delete(services: CompatServices, request: ReadRequest) -> Answer:
    ref = request.params["project"]
    place = enter(services.context, request, ref, "manage")
    with not_found("project", ref):
        projects.delete(services.context, place.actor, place.project)
    return Answer(204, b"", ())


def named(fields: Fields) -> str:
    """The required ``name`` of a project or key."""
    name = fields.required("name").strip()
    if len(name) > NAME_MAX:
        fields.refuse("name", f"size must be between 1 and {NAME_MAX}")
    return name


def _maker(services: CompatServices, request: ReadRequest) -> Actor:
    """Who makes a project, in none yet."""
    if request.key.kind != LOGIN:
        return key_actor(request.key, request.address)
    account = person(services.context, request.key)
    return Actor(account.id, who=who_is(account, request.address))


def _shown(info: ProjectInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "name": info.name,
        "slug": info.slug,
        "platform": info.platform,
        "createdAt": iso_text(info.created_at, 3),
    }


WORK: dict[str, Work] = {
    "projects_create": _create,
    "projects_list": _list,
    "projects_get": _get,
    "projects_delete": _delete,
}
