"""SeeStack's accounts, projects and API keys as rows of the route table (contract 4); the API rooms bring the handlers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.base import Route, Scope, Step
from headrace.dialects.seestack_answers import Answers, error, invalid, success
from headrace.dialects.seestack_management import READ, WRITE, managed

#: Whoever signs in has no key yet; guesses are counted by the handler, which knows the account.
SIGN_IN: tuple[Step, ...] = ("headers", "body", "handle")

_USER = '"user":{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","email":"ann@example.org","name":"Ann"}'
_SIGNED = '"token":"hr_login_…"'
_PROJECT = '"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a11","name":"Shop","slug":"shop"'
_FIRST = '"project":{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a11","name":"My First Project","slug":"my-first-project"'
_SHOWN = f'{{{_PROJECT},"platform":"http_api","createdAt":"2026-04-01T12:00:00.000Z"}}'
_KEY = (
    '"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a12","projectId":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a11","name":"checkout",'
    '"keyPrefix":"ask_live","environment":"production","scopes":["write"],"lastUsedAt":null,'
    '"createdAt":"2026-04-01T12:00:00.000Z"'
)
_KEYS = success(f'{{"items":[{{{_KEY}}}],"pagination":{{"page":1,"perPage":20,"total":1}}}}')
_MADE_KEY = success(f'{{{_KEY},"key":"ask_live_…"}}')
_NO_PROJECT = (404, error("NOT_FOUND", "Project not found: 7"))
_NO_KEY = (404, error("NOT_FOUND", "API key not found: 7"))
_UNNAMED = invalid("name", "must not be blank")
_GUARDED: Answers = (
    (429, error("RATE_LIMITED", "Rate limit exceeded")),
    (500, error("INTERNAL_ERROR", "An unexpected error occurred")),
    (503, error("SERVICE_UNAVAILABLE", "Service temporarily unavailable")),
)
_PAGES = (("page", "Page of the list, from 1."), ("perPage", "Keys on a page, 20 unless said, at most 200."))
_IN_PATH = ("project", "The project's id or slug.")
_KEY_ID = ("id", "The key's id.")


class Registration(msgspec.Struct, omit_defaults=True):
    """An account to make: a password of 12 to 128 characters; without a name it is called as its address begins."""

    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254, examples=["ann@example.org"])]
    password: Annotated[str, msgspec.Meta(min_length=12, max_length=128, examples=["correct horse battery"])]
    name: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class SignIn(msgspec.Struct):
    """Who signs in."""

    email: Annotated[str, msgspec.Meta(min_length=1, examples=["ann@example.org"])]
    password: Annotated[str, msgspec.Meta(min_length=1, examples=["correct horse battery"])]


class NewProject(msgspec.Struct, omit_defaults=True):
    """A project to make. ``platform``: a word that the server does not know counts as ``http_api``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["Shop"])]
    platform: str | None = None


class NewApiKey(msgspec.Struct, rename="camel", omit_defaults=True):
    """A key to make. ``environment`` decides how its text begins, ``ask_live_`` or ``ask_test_``. ``scopes``: what it may, by default send
    records only; none that the caller does not hold.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["checkout"])]
    environment: Literal["production", "test"] = "production"
    scopes: list[Literal["write", "read", "manage"]] | None = None


class NewApiKeyOf(NewApiKey, rename="camel", omit_defaults=True):
    """A key to make for the project ``projectId``; without it for the calling key's own, or the first that a person manages. The rest as below
    a project's path.
    """

    project_id: str | None = None


class ApiKeyName(msgspec.Struct):
    """What a key is called from now on."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["checkout"])]


def _route(
    method: str,
    path: str,
    name: str,
    summary: str,
    answers: Answers,
    *,
    scope: Scope = "manage",
    body: Any = None,
    parameters: tuple[tuple[str, str], ...] = (),
) -> Route:
    """What a person does acts in the projects that the path and the body name, so none is looked for before."""
    return managed(
        method,
        path,
        name,
        summary,
        answers,
        scope=scope,
        body=body,
        parameters=parameters,
        steps=READ if body is None else WRITE,
    )


def _sign_in(path: str, name: str, summary: str, answers: Answers, body: Any) -> Route:
    return managed("POST", path, name, summary, answers, body=body, steps=SIGN_IN, shared=_GUARDED)


_ACCOUNTS = (
    _sign_in(
        "/api/auth/register",
        "register",
        "Make an account with a first project and its key, where the server lets anybody do so.",
        (
            (201, success(f'{{{_SIGNED},{_USER},{_FIRST},"apiKey":"ask_live_…"}}}}')),
            (403, error("FORBIDDEN", "Registration is closed on this server: ask for an invitation")),
            (409, error("CONFLICT", "An account with this email exists already")),
            invalid("password", "size must be between 12 and 128"),
        ),
        Registration,
    ),
    _sign_in(
        "/api/auth/login",
        "login",
        "Sign in: a token that acts as the person for seven days.",
        (
            (200, success(f'{{{_SIGNED},{_USER},"project":null}}')),
            (401, error("UNAUTHORIZED", "This e-mail address and password do not belong together")),
            invalid("email", "must not be blank"),
        ),
        SignIn,
    ),
)
_PROJECTS = (
    _route(
        "POST",
        "/api/v1/projects",
        "projects_create",
        "Make a project; its first key is shown once.",
        (
            (201, success(f'{_SHOWN[:-1]},"apiKey":"ask_live_…","apiKeyPrefix":"ask_live"}}')),
            _UNNAMED,
        ),
        body=NewProject,
    ),
    _route(
        "GET",
        "/api/v1/projects",
        "projects_list",
        "The projects that the caller reaches.",
        ((200, success(f"[{_SHOWN}]")),),
        scope="read",
    ),
    _route(
        "GET",
        "/api/v1/projects/{project}",
        "projects_get",
        "One project.",
        ((200, success(_SHOWN)), _NO_PROJECT),
        scope="read",
        parameters=(_IN_PATH,),
    ),
    _route(
        "DELETE",
        "/api/v1/projects/{project}",
        "projects_delete",
        "Delete a project with everything in it: for keys of the whole account and owners of the project.",
        ((204, ""), _NO_PROJECT),
        parameters=(_IN_PATH,),
    ),
)
_KEYS_OF_PROJECT = (
    _route(
        "POST",
        "/api/v1/projects/{project}/api-keys",
        "project_keys_create",
        "Make a key for a project; it is shown once.",
        ((201, _MADE_KEY), _NO_PROJECT, _UNNAMED),
        body=NewApiKey,
        parameters=(_IN_PATH,),
    ),
    _route(
        "GET",
        "/api/v1/projects/{project}/api-keys",
        "project_keys_list",
        "A project's keys that are not revoked.",
        ((200, _KEYS), _NO_PROJECT, invalid("page", "must be a whole number from 1 to 2147483647")),
        parameters=(_IN_PATH, *_PAGES),
    ),
    _route(
        "PUT",
        "/api/v1/projects/{project}/api-keys/{id}",
        "project_keys_rename",
        "Give a project's key another name.",
        ((200, success(f"{{{_KEY}}}")), _NO_PROJECT, _NO_KEY, _UNNAMED),
        body=ApiKeyName,
        parameters=(_IN_PATH, _KEY_ID),
    ),
    _route(
        "DELETE",
        "/api/v1/projects/{project}/api-keys/{id}",
        "project_keys_revoke",
        "Revoke a project's key at once.",
        ((204, ""), _NO_PROJECT, _NO_KEY),
        parameters=(_IN_PATH, _KEY_ID),
    ),
)
_OWN_KEYS = (
    _route(
        "POST",
        "/api/v1/api-keys",
        "keys_create",
        "Make a key; it is shown once.",
        ((201, _MADE_KEY), _NO_PROJECT, _UNNAMED),
        body=NewApiKeyOf,
    ),
    _route(
        "GET",
        "/api/v1/api-keys",
        "keys_list",
        "The keys of one project, or of all that the caller may manage, that are not revoked.",
        ((200, _KEYS), _NO_PROJECT, invalid("page", "must be a whole number from 1 to 2147483647")),
        parameters=(("projectId", "Id of a project that the caller reaches."), *_PAGES),
    ),
    _route(
        "PATCH",
        "/api/v1/api-keys/{id}",
        "keys_rename",
        "Give a key another name.",
        ((200, success(f"{{{_KEY}}}")), _NO_KEY, _UNNAMED),
        body=ApiKeyName,
        parameters=(_KEY_ID,),
    ),
    _route(
        "DELETE",
        "/api/v1/api-keys/{id}",
        "keys_revoke",
        "Revoke a key at once.",
        ((200, success('{"status":"revoked"}')), _NO_KEY),
        parameters=(_KEY_ID,),
    ),
)

ROUTES: tuple[Route, ...] = (*_ACCOUNTS, *_PROJECTS, *_KEYS_OF_PROJECT, *_OWN_KEYS)
