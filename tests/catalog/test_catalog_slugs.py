"""The slug of a project whose name others have, too."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from headrace.catalog import Catalog, projects, tables
from headrace.catalog.projects import ProjectRow

#: Projects of one name, and how many of them are looked at for one more.
MANY, LOOKS = 1_000, 25


def test_names_are_counted(catalog: Catalog, project: ProjectRow) -> None:
    made = []
    with catalog.write() as conn:
        for number in range(12):
            slug = projects.free_slug(conn, "shop")
            projects.add(conn, project_id=f"n{number}", slug=slug, name="Shop", account_id=project.account_id, at=1)
            made.append(slug)
    assert made == ["shop", *(f"shop-{number}" for number in range(2, 13))]


def test_few_are_looked_at(catalog: Catalog, project: ProjectRow, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = projects.by_slug

    def seen(conn: sa.Connection, slug: str) -> ProjectRow | None:
        looks.append(slug)
        return look(conn, slug)

    monkeypatch.setattr(projects, "by_slug", seen)
    row = project._asdict() | {"name": "Shop"}
    with catalog.write() as conn:
        numbers = range(10, 10 + MANY)
        slugs = ["shop", *(f"shop-{number}" for number in range(2, MANY + 1))]
        others = [
            row | {"id": f"n{number}", "number": number, "slug": slug}
            for number, slug in zip(numbers, slugs, strict=True)
        ]
        conn.execute(sa.insert(tables.projects), others)
        assert projects.free_slug(conn, "shop") == f"shop-{MANY + 1}"
    assert len(looks) <= LOOKS
