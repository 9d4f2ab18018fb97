"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STAT_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, _NAME, nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _big_or_null(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def upgrade() -> None:
    """Makes every table."""
    _people()
    _keys()
    _stats()
    _monitors()
    _annotations()
    _loader()


def _people() -> None:
    op.create_table(
        "meta",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        _text("instance_id"),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        _big("key_epoch"),
        _big("last_project"),
        sa.Column("setup_sha256", sa.LargeBinary),
    )
    op.create_table(
        "accounts",
        _id(),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        _text("name"),
        _text("password_hash"),
        _text("role"),
        _big("created_at"),
    )
    op.create_table(
        "projects",
        _id(),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("slug", sa.Text, nullable=False, unique=True),
        _name("name"),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        _text("state"),
        _big("created_at"),
        _big_or_null("archived_at"),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        _id(),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("project_number", sa.BigInteger, sa.ForeignKey("projects.number"), nullable=False),
        *map(_text, ("reach", "kind", "style", "name", "scopes")),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False, unique=True),
        _text("shown"),
        sa.Column("bindings", sa.JSON, nullable=False),
        _big_or_null("rate"),
        _big_or_null("burst"),
        _flag("unlimited"),
        _big("created_at"),
        *map(_big_or_null, ("expires_at", "revoked_at", "last_used_at")),
        _big("refused"),
        _text("refused_reason"),
        _big_or_null("refused_at"),
    )
    op.create_index("keys_by_project", "keys", ["project_number"])


def _stats() -> None:
    op.create_table(
        "stats",
        sa.Column("stat_id", _STAT_ID, primary_key=True, autoincrement=False),
        _big("project"),
        _text("source"),
        _name("name"),
        _text("type"),
        sa.Column("unit", sa.Text),
        _flag("public"),
        _big("created_at"),
        *map(_big_or_null, ("last_point_ms", "last_received_at", "trashed_at")),
    )
    _unique_live("stats_by_name", ["project", "name", "source", "type"], "trashed_at IS NULL")
    _unique_live("stats_own_names", ["project", "name"], "source = 'stat' AND trashed_at IS NULL")


def _unique_live(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "stats", columns, unique=True, sqlite_where=where, postgresql_where=where)


def _monitors() -> None:
    op.create_table(
        "monitors",
        _id(),
        _big("project"),
        _name("slug"),
        _name("environment"),
        _text("name"),
        _big("interval_s"),
        _flag("interval_edited"),
        _text("state"),
        *map(_big_or_null, ("last_check_in_at", "last_received_at")),
        _text("last_status"),
        sa.Column("last_duration_ms", sa.Double),
        *map(_text, ("last_message", "last_event_id")),
        _big("created_at"),
        _text("created_by"),
        sa.UniqueConstraint("project", "slug", "environment", name="monitors_by_slug"),
    )


def _annotations() -> None:
    op.create_table(
        "annotations",
        _id(),
        _big("project"),
        _big_or_null("stat_id"),
        *map(_text, ("kind", "text", "url")),
        _big("ts"),
        _big("created_at"),
    )
    op.create_index("annotations_by_time", "annotations", ["project", "ts"])


def _loader() -> None:
    op.create_table(
        "dead_letters",
        _id(),
        _big_or_null("project"),
        _text("journal"),
        _big("segment"),
        _text("table_name"),
        _text("partition"),
        _big("row_index"),
        *map(_text, ("row", "reason")),
        _big("created_at"),
        _text("state"),
        _big_or_null("replayed_at"),
        sa.UniqueConstraint("journal", "segment", "table_name", "partition", "row_index", name="dead_letters_by_place"),
    )
    op.create_index("dead_letters_by_project", "dead_letters", ["project", "state", "id"])
    op.create_table("progress", sa.Column("journal", sa.Text, primary_key=True), _big("segment"))
