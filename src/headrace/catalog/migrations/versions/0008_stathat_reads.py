"""Stats in the trash, histories that are imported, and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Makes the tables; what is there stays as it is."""
    op.add_column("stats", sa.Column("origin", sa.Text))
    where = sa.text("trashed_at IS NOT NULL")
    op.create_index("stats_in_trash", "stats", ["trashed_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "imports",
        sa.Column("project", sa.BigInteger, primary_key=True, autoincrement=False),
        *map(_text, ("id", "base_url", "token")),
        sa.Column("options", sa.JSON, nullable=False),
        _text("status"),
        *map(_big, ("batch", "stats_total", "stats_done", "stats_failed", "points_imported")),
        sa.Column("current_stat", sa.Text),
        _text("after"),
        sa.Column("failures", sa.JSON, nullable=False),
        sa.Column("error", sa.Text),
        _big("started_at"),
        sa.Column("finished_at", sa.BigInteger),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        *map(_big, ("project", "stat_id")),
        *map(_text, ("kind", "time_window", "operator")),
        sa.Column("threshold", sa.Double),
        sa.Column("percentage", sa.Double),
        _text("time_delta"),
        _big("created_at"),
    )
    op.create_index("alerts_by_project", "alerts", ["project", "created_at"])
