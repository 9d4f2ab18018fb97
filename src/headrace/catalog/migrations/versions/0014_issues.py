"""What people decide about errors that have something in common."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Nobody has decided anything."""
    op.create_table(
        "issues",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("resolved_in_release", sa.Text, nullable=False),
        sa.Column("reopened_at", sa.BigInteger),
        sa.Column("reopens", sa.BigInteger, nullable=False),
        sa.Column("regressions", sa.BigInteger, nullable=False),
    )
    op.create_index("issues_by_project", "issues", ["project", "status"])
