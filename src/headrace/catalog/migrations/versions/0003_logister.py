"""Deployments, what a project is for, and the key behind a mobile token."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Projects that are there already become ``http_api``."""
    op.add_column("projects", sa.Column("platform", sa.Text, nullable=False, server_default="http_api"))
    op.add_column("keys", sa.Column("parent_id", sa.Text))
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text, primary_key=True),
        _big("project"),
        *(sa.Column(name, _NAME, nullable=False) for name in ("repository", "environment", "release")),
        *map(_text, ("commit_sha", "branch", "source")),
        sa.Column("details", sa.JSON, nullable=False),
        *map(_big, ("deployed_at", "created_at", "updated_at")),
    )
    op.create_index("deployments_by_time", "deployments", ["project", "deployed_at"])
