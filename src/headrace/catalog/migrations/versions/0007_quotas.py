"""Monthly quotas of projects, and how much of them is used."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=key, autoincrement=False, nullable=False)


def upgrade() -> None:
    """No project that is there has a quota; what it was given before counts as nothing."""
    op.add_column("projects", sa.Column("quota", sa.BigInteger))
    op.create_table("usage", _number("project", key=True), _number("month", key=True), _number("units"))
