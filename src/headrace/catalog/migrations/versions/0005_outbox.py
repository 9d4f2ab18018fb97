"""Messages to be sent, and how many SlowStats events there were each day."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Makes the outbox and the daily counts."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text, primary_key=True),
        _big("project"),
        *map(_text, ("kind", "address")),
        sa.Column("message", sa.JSON, nullable=False),
        _text("event_id"),
        *map(_big, ("created_at", "not_after", "attempts")),
        _text("state"),
    )
    op.create_index("outbox_by_state", "outbox", ["state", "not_after"])
    op.create_table(
        "daily_events",
        sa.Column("project", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        _big("events"),
    )
