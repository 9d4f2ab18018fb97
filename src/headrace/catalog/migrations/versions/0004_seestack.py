"""Monitors with a schedule, and the sessions that programs tell of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Monitors that are there already keep their interval and get the default grace."""
    for column in (
        sa.Column("schedule", sa.Text, nullable=False, server_default=""),
        sa.Column("grace_min", sa.BigInteger, nullable=False, server_default="5"),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    ):
        op.add_column("monitors", column)
    op.create_table(
        "sessions",
        sa.Column("project", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("environment", "release", "user_id", "status")),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("duration_ms", sa.Double),
    )
    op.create_index("sessions_by_release", "sessions", ["project", "release", "environment"])
