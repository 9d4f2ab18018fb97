"""How many stats a project may have."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """No project that is there has a limit."""
    op.add_column("projects", sa.Column("stats_max", sa.BigInteger))
