"""What StatHat needs: classic keys of stats, and two switches of projects."""

import sqlalchemy as sa
from alembic import op

from headrace.records.ids import classic_key

revision = "0002"
down_revision = "0001"

_CHUNK = 5_000


def upgrade() -> None:
    """Adds the columns; the stats that are there get their keys."""
    op.add_column("projects", sa.Column("ez", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("projects", sa.Column("browsers", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("stats", sa.Column("classic_key", sa.LargeBinary))
    _fill(op.get_bind())
    where = sa.text("classic_key IS NOT NULL")
    op.create_index("stats_by_classic_key", "stats", ["classic_key"], sqlite_where=where, postgresql_where=where)


def _fill(conn: sa.Connection) -> None:
    meta = sa.table("meta", sa.column("secret", sa.LargeBinary))
    stats = sa.table(
        "stats", sa.column("stat_id", sa.BigInteger), sa.column("source"), sa.column("classic_key", sa.LargeBinary)
    )
    secret = conn.execute(sa.select(meta.c.secret)).scalar()
    if secret is None:  # a catalog that is being made
        return
    change = sa.update(stats).where(stats.c.stat_id == sa.bindparam("stat")).values(classic_key=sa.bindparam("key"))
    found = list(conn.execute(sa.select(stats.c.stat_id).where(stats.c.source == "stat")).scalars())
    for start in range(0, len(found), _CHUNK):
        rows = [{"stat": stat, "key": classic_key(bytes(secret), stat)} for stat in found[start : start + _CHUNK]]
        conn.execute(change, rows)
