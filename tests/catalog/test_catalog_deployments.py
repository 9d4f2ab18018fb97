"""Deployments: every cell of their table, and what identifies one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headrace.catalog import Catalog, deployments, progress
from headrace.catalog.deployments import DeploymentRow
from headrace.loader.projections import Learned, Projections
from headrace.records.ids import deployment_id
from headrace.records.intents import DeploymentFact

FACT = DeploymentFact(1, "acme/shop", "production", "1.4", "abcdef1", "main", 50, 60, "api", {"compare_url": "c"})
TOLD = msgspec.structs.replace(FACT, source="telemetry", commit_sha="1234567", branch="", metadata={}, deployed_at=40)


def load(catalog: Catalog, project: int = 1) -> list[DeploymentRow]:
    with catalog.read() as conn:
        return deployments.load(conn, project, limit=10)


def learn(catalog: Catalog, *facts: DeploymentFact) -> None:
    projections = Projections(catalog, "journal")
    lines = [msgspec.json.encode(fact) for fact in facts]
    projections.apply(Learned(projections.done + 1, (), lines, ()))


def report(catalog: Catalog, fact: DeploymentFact) -> str:
    with catalog.write() as conn:
        return deployments.report(conn, fact)


def test_a_report_is_made_and_then_changed(catalog: Catalog) -> None:
    found = report(catalog, FACT)
    assert load(catalog) == [
        DeploymentRow(
            found, 1, "acme/shop", "production", "1.4", "abcdef1", "main", "api", {"compare_url": "c"}, 50, 60, 60
        )
    ]
    later = msgspec.structs.replace(FACT, commit_sha="fffffff", received_at=99, deployed_at=90, metadata={})
    assert report(catalog, later) == found
    (row,) = load(catalog)
    assert (row.commit_sha, row.details, row.deployed_at, row.created_at, row.updated_at) == ("fffffff", {}, 90, 60, 99)


def test_telling_makes_and_changes_nothing_afterwards(catalog: Catalog) -> None:
    learn(catalog, TOLD, msgspec.structs.replace(TOLD, commit_sha="7654321", deployed_at=1))
    (row,) = load(catalog)
    assert (row.source, row.commit_sha, row.deployed_at) == ("telemetry", "1234567", 40)
    learn(catalog, msgspec.structs.replace(TOLD, branch="other"))
    assert load(catalog) == [row]
    report(catalog, FACT)
    (row,) = load(catalog)
    assert (row.source, row.commit_sha, row.deployed_at) == ("api", "abcdef1", 50)
    learn(catalog, TOLD)
    assert load(catalog) == [row]


def test_a_segment_is_projected_once_with_its_deployments(catalog: Catalog) -> None:
    projections = Projections(catalog, "journal")
    learned = Learned(7, (), [msgspec.json.encode(TOLD)], ())
    projections.apply(learned)
    projections.apply(learned)
    assert len(load(catalog)) == 1
    with catalog.read() as conn:
        assert progress.get(conn, "journal") == 7


@pytest.mark.parametrize("name", ["project", "repository", "environment", "release"])
def test_what_identifies_a_deployment(catalog: Catalog, name: str) -> None:
    other = msgspec.structs.replace(FACT, **{name: 2 if name == "project" else "x/y"})
    assert report(catalog, FACT) != report(catalog, other)
    assert sum(len(load(catalog, project)) for project in (1, 2)) == 2


def test_ids_are_the_same_for_ever() -> None:
    """Clients keep them: a new way to make them would need another name."""
    assert deployment_id(1, "acme/shop", "production", "1.4") == "635167e6-33af-5547-9a14-8c7831187681"
    assert deployment_id(1, "a/b", "c", "d") != deployment_id(1, "a", "b/c", "d")


def test_lists_are_narrowed(catalog: Catalog) -> None:
    for number in range(4):
        fact = msgspec.structs.replace(FACT, release=f"{number}", deployed_at=number, environment=f"e{number % 2}")
        report(catalog, fact)

    def releases(**asked: object) -> list[str]:
        with catalog.read() as conn:
            return [row.release for row in deployments.load(conn, 1, **{"limit": 10, **asked})]  # type: ignore[arg-type]

    assert releases() == ["3", "2", "1", "0"]
    assert releases(limit=2) == ["3", "2"]
    assert releases(start=1, end=3) == ["2", "1"]
    assert releases(environment="e1") == ["3", "1"]
    assert releases(release="2") == ["2"]


def test_searching_and_what_came_before(catalog: Catalog) -> None:
    """Of two at one moment the lower id is listed first, and the one before is the next of the list in the same place."""
    facts = [
        msgspec.structs.replace(FACT, release=release, environment=environment, project=project, deployed_at=at)
        for release, environment, project, at in (
            ("1.1", "production", 1, 10),
            ("1.2", "production", 1, 20),
            ("1.3_x", "production", 1, 20),
            ("1.4", "staging", 1, 30),
            ("1.5", "production", 2, 15),
        )
    ]
    for fact in facts:
        report(catalog, fact)
    with catalog.read() as conn:

        def search(**given: Any) -> list[str]:
            options = {"equals": {}, "limit": 10} | given
            return [row.release for row in deployments.search(conn, 1, **options)]

        everything = deployments.search(conn, 1, equals={}, limit=10)
        order = [row.release for row in everything]
        assert (order[0], set(order[1:3]), order[3]) == ("1.4", {"1.2", "1.3_x"}, "1.1")
        assert [row.id for row in everything[1:3]] == sorted(row.id for row in everything[1:3])
        for number, row in enumerate(everything):
            assert search(before=(row.deployed_at, row.id)) == order[number + 1 :]
        assert search(equals={"environment": "staging", "source": "api"}) == ["1.4"]
        assert search(start=20, end=30) == order[1:3]
        assert search(text="_X") == ["1.3_x"]
        assert search(text="SHOP") == order
        assert search(text="%") == []
        before = deployments.before_each(conn, 1, everything[:3])
        assert before == {everything[1].id: everything[2], everything[2].id: everything[3]}
        assert deployments.by_id(conn, 1, everything[0].id) == everything[0]
        (foreign,) = deployments.load(conn, 2, limit=2)
        assert deployments.by_id(conn, 1, foreign.id) is None
