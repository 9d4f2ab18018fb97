"""Command lines: those that wait for a person to let them in, and what those that are in may do."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Nobody waits yet, and all who are signed in are so without limits."""
    op.add_column("logins", sa.Column("scopes", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "device_logins",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("device_sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("user_digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("client_name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id")),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("polled_at", sa.BigInteger),
    )
