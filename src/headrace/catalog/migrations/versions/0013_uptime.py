"""Pages that the server looks at."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Makes uptime monitors."""
    op.create_table(
        "uptime_monitors",
        sa.Column("id", sa.Text, primary_key=True),
        _big("project"),
        *map(_text, ("name", "url")),
        _big("interval_min"),
        sa.Column("active", sa.Boolean, nullable=False),
        *map(_big, ("created_at", "due_at")),
        _text("state"),
        sa.Column("checked_at", sa.BigInteger),
        sa.Column("duration_ms", sa.Double),
        _big("code"),
        _text("reason"),
    )
    op.create_index("uptime_monitors_by_project", "uptime_monitors", ["project", "created_at"])
    op.create_index("uptime_monitors_by_due", "uptime_monitors", ["due_at"])
