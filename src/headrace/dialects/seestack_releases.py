"""Releases as SeeStack's clients tell of them when they start: ``POST /ingest/v1/releases`` (contract 3.4, rulings 1)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Inbound
from headrace.dialects.seestack_fields import Fields, reading, submission
from headrace.dialects.seestack_forms import BLANK
from headrace.records.intents import DeploymentFact, Intent, Submission

#: Where a release runs that names no environment; clients send this word themselves.
DEFAULT_ENVIRONMENT = "production"
#: What is kept beside the columns.
DETAILS = ("author", "message")


class Release(msgspec.Struct, rename="camel", omit_defaults=True):
    """A release that runs. The first telling of it in an environment is when it was deployed."""

    version: Annotated[str, msgspec.Meta(min_length=1, examples=["1.4.2"])]
    environment: str | None = None
    commit_sha: str | None = None
    branch: str | None = None
    author: str | None = None
    message: str | None = None


@reading
def parse_release(inbound: Inbound, fields: Fields) -> Submission:
    """A deployment, told on the side: each start of the program tells of it again."""
    version = fields.required("version")
    fields.check()
    fact = DeploymentFact(
        project=inbound.project,
        repository=fields.spare("repository"),
        environment=fields.spare("environment").strip(BLANK) or DEFAULT_ENVIRONMENT,
        release=version,
        commit_sha=fields.spare("commitSha"),
        branch=fields.spare("branch"),
        deployed_at=inbound.received_us,
        received_at=inbound.received_us,
        source="telemetry",
        metadata={name: text for name in DETAILS if (text := fields.spare(name))},
    )
    return submission([Intent(facts=[fact])], json_answer(202, {"ok": True}))
