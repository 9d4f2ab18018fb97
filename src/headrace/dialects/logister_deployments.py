"""Deployments as Logister's clients report them (contract 1.9): by ``POST /api/v1/deployments``, or by the context of any event."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headrace.dialects.logister_answers import InvalidRecord, missing_envelope
from headrace.dialects.logister_body import envelope_of, read_body
from headrace.dialects.logister_columns import scalar_text
from headrace.dialects.logister_normalize import DEFAULT_ENVIRONMENT, snake_key, text_of
from headrace.dialects.logister_times import moment_us
from headrace.records.intents import DeploymentFact
from headrace.records.times import clamp

#: Characters of a release, environment, repository or branch, and of a link.
TEXT_CHARS = 255
LINK_CHARS = 2_000
#: Levels of a body whose keys are read in any casing; the deepest path in use has two.
_DEPTH = 4

RELEASE_BLANK = "Release can't be blank"
REPOSITORY_BLANK = "Repository can't be blank"
REPOSITORY_INVALID = "Repository full name must look like owner/repository"
SHA_BLANK = "Commit sha can't be blank"
SHA_INVALID = "Commit sha must be a 7 to 40 character commit SHA"

_SHA = re.compile(r"[0-9a-f]{7,40}\Z", re.ASCII)
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+\Z", re.ASCII)
_HOST = re.compile(r"(?:https?://github\.com/|git@github\.com:)", re.ASCII | re.IGNORECASE)
_PULL = re.compile(r"refs/pull/(\d{1,18})(?:/|\Z)", re.ASCII)

#: Where each value may stand; of several the first that is not blank counts.
PATHS: dict[str, tuple[str, ...]] = {
    "release": ("release", "deployment.release"),
    "repository": (
        "repository",
        "repo",
        "github_repository",
        "github.repository",
        "github.repo",
        "git.repository",
        "deployment.repository",
    ),
    "commit_sha": (
        "commit_sha",
        "git_sha",
        "sha",
        "git.sha",
        "git.commit_sha",
        "github.sha",
        "github.commit_sha",
        "deployment.commit_sha",
    ),
    "environment": ("environment", "deployment.environment"),
    "branch": ("branch", "git.branch", "github.branch", "deployment.branch", "ref", "github.ref"),
    "deployed_at": ("deployed_at", "deployment.deployed_at"),
    "ref": ("ref", "github.ref"),
}
#: The same for what is kept beside them.
METADATA: dict[str, tuple[str, ...]] = {
    "pull_request_number": ("pull_request_number", "github.pull_request_number"),
    "pull_request_url": ("pull_request_url", "github.pull_request_url"),
    "release_tag": ("release_tag", "tag", "tag_name", "github.release_tag", "github.tag", "github.tag_name"),
    "release_url": ("release_url", "github.release_url"),
    "compare_url": ("compare_url", "github.compare_url"),
    "workflow_run_url": ("workflow_run_url", "github.workflow_run_url"),
    "deployment_url": ("deployment_url", "github.deployment_url"),
}
#: What makes an object without an envelope a deployment.
_FIELDS = frozenset(
    path.partition(".")[0] for table in (PATHS, METADATA) for paths in table.values() for path in paths
) - {"deployment"}


class LogisterDeployment(msgspec.Struct, omit_defaults=True):
    """One deployment. ``repository`` is owner/name, also as a GitHub address; ``commit_sha`` 7 to 40 hex digits."""

    release: str
    repository: str
    commit_sha: str
    environment: str = DEFAULT_ENVIRONMENT
    branch: str | None = None
    deployed_at: str | None = None
    pull_request_number: int | str | None = None
    pull_request_url: str | None = None
    release_tag: str | None = None
    release_url: str | None = None
    compare_url: str | None = None
    workflow_run_url: str | None = None
    deployment_url: str | None = None


class LogisterDeploymentBody(msgspec.Struct):
    """The envelope of ``POST /api/v1/deployments``; ``DEPLOYMENT`` and a flat body are read as well."""

    deployment: LogisterDeployment


def read_deployment(body: bytes, project: int, received_us: int) -> DeploymentFact:
    """The deployment that a request reports, enveloped or flat. Raises :class:`Refusal`: 400 for a body without any of a deployment's
    fields, 422 for what its fields lack.
    """
    value = read_body(body)
    found = envelope_of(value, "deployment", "DEPLOYMENT")
    if found is None and type(value) is dict:
        found = value
    fields: dict[str, Any] = _snake_keys(found or {})
    if _FIELDS.isdisjoint(fields):
        raise missing_envelope("deployment")
    given = {name: _first(fields, paths) for name, paths in PATHS.items()}
    repository = repository_name(given["repository"])
    sha = given["commit_sha"].lower()
    errors = _errors(given, repository, sha)
    if errors:
        raise InvalidRecord(errors)
    sent_at = _at(fields, PATHS["deployed_at"])
    return DeploymentFact(
        project=project,
        repository=repository,
        environment=given["environment"] or DEFAULT_ENVIRONMENT,
        release=given["release"],
        commit_sha=sha,
        branch=given["branch"].removeprefix("refs/heads/"),
        deployed_at=clamp(None if sent_at is None else moment_us(sent_at), received_us, text_of(sent_at)).ts,
        received_at=received_us,
        source="api",
        metadata=_metadata(fields, repository, given["ref"]),
    )


def deployment_told(
    view: dict[str, Any], project: int, environment: str, ts: int, received_us: int
) -> DeploymentFact | None:
    """The deployment that an event tells of by its context (seen through both spellings): one with a release, a repository and a
    commit. ``ts``: when it happened, µs.
    """
    sha = scalar_text(view.get("commit_sha")).lower()
    if not sha or _SHA.match(sha) is None:
        return None
    release = scalar_text(view.get("release"))
    if not release:
        return None
    repository = repository_name(scalar_text(view.get("repository")))
    branch = scalar_text(view.get("branch")).removeprefix("refs/heads/")
    if not _REPOSITORY.match(repository) or any(len(text) > TEXT_CHARS for text in (release, repository, branch)):
        return None
    return DeploymentFact(project, repository, environment, release, sha, branch, ts, received_us, "telemetry", {})


def repository_name(text: str) -> str:
    """``owner/name`` of a repository given by name or by its GitHub address; anything else as it is."""
    host = _HOST.match(text)
    path = (text[host.end() :] if host else text).strip("/")
    return "/".join(path.split("/")[:2]).removesuffix(".git")


def _errors(given: dict[str, str], repository: str, sha: str) -> list[str]:
    errors = []
    if not given["release"]:
        errors.append(RELEASE_BLANK)
    if not given["repository"]:
        errors.append(REPOSITORY_BLANK)
    if not sha:
        errors.append(SHA_BLANK)
    elif _SHA.match(sha) is None:
        errors.append(SHA_INVALID)
    if given["repository"] and _REPOSITORY.match(repository) is None:
        errors.append(REPOSITORY_INVALID)
    long = f"is too long (maximum is {TEXT_CHARS} characters)"
    for name in ("release", "environment", "branch"):
        if len(given[name]) > TEXT_CHARS:
            errors.append(f"{name.capitalize()} {long}")
    if len(repository) > TEXT_CHARS:
        errors.append(f"Repository {long}")
    return errors


def _metadata(fields: dict[str, Any], repository: str, ref: str) -> dict[str, str]:
    """What is kept besides; the pull request and the two links are worked out where the client does not give them."""
    kept = {name: _first(fields, paths) for name, paths in METADATA.items()}
    pull = _PULL.match(ref)
    if not kept["pull_request_number"] and pull is not None:
        kept["pull_request_number"] = pull[1]
    number, tag = kept["pull_request_number"], kept["release_tag"]
    if number.isascii() and number.isdigit() and not kept["pull_request_url"]:
        kept["pull_request_url"] = f"https://github.com/{repository}/pull/{number}"
    if tag and not kept["release_url"]:
        kept["release_url"] = f"https://github.com/{repository}/releases/tag/{tag}"
    return {name: text for name, text in kept.items() if text and len(text) <= LINK_CHARS}


def _first(fields: dict[str, Any], paths: tuple[str, ...]) -> str:
    return scalar_text(_at(fields, paths)).strip()


def _at(fields: dict[str, Any], paths: tuple[str, ...]) -> Any:
    """The first scalar that is not blank, None when there is none."""
    for path in paths:
        outer, _, inner = path.partition(".")
        value = fields.get(outer)
        if inner:
            value = value.get(inner) if type(value) is dict else None
        if scalar_text(value):
            return value
    return None


def _snake_keys(value: Any, depth: int = 0) -> Any:
    if type(value) is not dict or depth == _DEPTH:
        return value
    return {snake_key(key): _snake_keys(item, depth + 1) for key, item in value.items()}
