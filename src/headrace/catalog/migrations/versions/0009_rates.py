"""Rates of projects: Logister's limit of their keys, in place of the dialect's own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """No project that is there has a rate of its own."""
    op.add_column("projects", sa.Column("logister_rate", sa.BigInteger))
