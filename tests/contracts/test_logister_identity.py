"""Logister's UUIDs (contract 1.7): what a retry is answered, and which records are strangers."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from logister_requests import OTHER_UUID, UUID, Ledger, event, log, post, stored
from outcomes import accepted, answered, refusal

from headrace.dialects.logister_answers import UUID_INVALID, UUID_TAKEN
from headrace.dialects.logister_identity import event_claims, legacy_id, span_claims
from headrace.records.intents import claim_key


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"uuid": UUID}, UUID),
        ({"uuid": UUID.upper()}, UUID),
        ({"UUID": UUID}, UUID),
        ({"eventId": UUID}, UUID),
        ({"uuid": UUID, "event_id": OTHER_UUID}, UUID),
        ({"uuid": UUID, "event_id": "x"}, UUID),
        ({"uuid": " ", "event_id": UUID}, UUID),
        ({"uuid": "00000000-0000-0000-0000-000000000000"}, "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_client_uuids(fields: dict[str, Any], expected: str) -> None:
    request = event(**fields)
    assert answered(accepted(request)) == (
        201,
        {"id": expected, "legacy_id": legacy_id(1, expected), "status": "accepted"},
    )
    assert stored(request)["id"] == expected


@pytest.mark.parametrize(
    "value",
    [
        "x",
        UUID[:-1],
        UUID + "0",
        UUID.replace("-", ""),
        "{" + UUID + "}",
        UUID + "\n",
        UUID.replace("0b", "0g"),
        5,
        [UUID],
    ],
)
def test_invalid_uuids(value: Any) -> None:
    assert refusal(event(uuid=value)) == (422, {"errors": [UUID_INVALID]})


def test_events_without_a_uuid_are_never_duplicates() -> None:
    ledger = Ledger()
    first, second = ledger.send(event()), ledger.send(event(uuid="", event_id=None))
    assert first[0] == second[0] == 201
    assert first[1]["id"] != second[1]["id"]
    assert not ledger.held


def test_a_replay_gets_the_first_answer() -> None:
    ledger = Ledger()
    status, body = ledger.send(event(uuid=UUID))
    assert ledger.send(event(uuid=UUID.upper(), event_type="error", message="other")) == (
        200,
        {**body, "duplicate": True},
    )
    assert status == 201


def test_a_uuid_belongs_to_one_family() -> None:
    span = {"event_type": "span", "trace_id": "t", "span_id": "s"}
    taken = (422, {"errors": [UUID_TAKEN]})
    ledger = Ledger()
    assert ledger.send(event(uuid=UUID))[0] == 201
    assert ledger.send(event(uuid=UUID, **span)) == taken
    assert ledger.send(event(uuid=OTHER_UUID, **span))[0] == 201
    assert ledger.send(event(uuid=OTHER_UUID)) == taken


def test_a_uuid_of_another_project_is_another() -> None:
    ledger = Ledger()
    body = {"event": log(uuid=UUID)}
    assert ledger.send(post(body))[0] == 201
    assert ledger.send(post(body, project=2))[0] == 201


def test_legacy_ids_are_stable_and_exact_in_a_double() -> None:
    assert legacy_id(1, UUID) == legacy_id(1, UUID)
    ids = {legacy_id(project, f"{n}") for project in (1, 2) for n in range(500)}
    assert len(ids) == 1000
    assert 2**48 < max(ids) < 2**52


def test_what_0_1_0_took_is_still_known() -> None:
    """Claims of UUIDs and legacy ids are as they were: a retry across an upgrade finds the first one."""
    assert [claim.key for claim in event_claims(1, UUID)] == [claim_key("logister.event", 1, UUID)]
    place = claim_key("logister.trace_span", 1, "2:t1s1")
    assert [claim.key for claim in span_claims(1, "", UUID, "t1", "s1")] == [place]
    assert legacy_id(1, UUID) == int(sha256(f"1:{UUID}".encode()).hexdigest()[:13], 16)
