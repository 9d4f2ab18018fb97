"""Keys that show a stat on pages of others."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """No stat that is there has one."""
    op.add_column("stats", sa.Column("embed_key", sa.Text))
    where = sa.text("embed_key IS NOT NULL")
    op.create_index(
        "stats_by_embed_key", "stats", ["embed_key"], unique=True, sqlite_where=where, postgresql_where=where
    )
