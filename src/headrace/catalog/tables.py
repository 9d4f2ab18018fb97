"""The catalog's tables as they are now. ``migrations/versions`` says how a data folder gets here; a test compares both."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

metadata = MetaData()

#: As a primary key this is SQLite's row id itself, without a second index.
_STAT_ID = BigInteger().with_variant(Integer, "sqlite")
#: Names sort by code point everywhere: SQLite does so by itself, PostgreSQL under the C collation.
_NAME = Text().with_variant(Text(collation="C"), "postgresql")

#: One row (``one`` = 1). ``last_project`` is the highest project number ever given: numbers are never reused.
meta = Table(
    "meta",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("instance_id", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("key_epoch", BigInteger, nullable=False),
    Column("last_project", BigInteger, nullable=False),
    Column("setup_sha256", LargeBinary),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", _NAME, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    Column("ez", Boolean, nullable=False, server_default=true()),
    Column("browsers", Boolean, nullable=False, server_default=false()),
    Column("platform", Text, nullable=False, server_default="http_api"),
    Column("quota", BigInteger),
    Column("logister_rate", BigInteger),
    Column("stats_max", BigInteger),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("project_number", BigInteger, ForeignKey("projects.number"), nullable=False),
    Column("reach", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("style", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False, unique=True),
    Column("shown", Text, nullable=False),
    Column("bindings", JSON, nullable=False),
    Column("rate", BigInteger),
    Column("burst", BigInteger),
    Column("unlimited", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("refused", BigInteger, nullable=False),
    Column("refused_reason", Text, nullable=False),
    Column("refused_at", BigInteger),
    #: The key that made a mobile token.
    Column("parent_id", Text),
    Index("keys_by_project", "project_number"),
)

# Rows below that the loader projects from the journal carry a project's number without a foreign key: the journal may
# name a project that has gone since, and a projection that fails would hold up every other project's.

stats = Table(
    "stats",
    metadata,
    Column("stat_id", _STAT_ID, primary_key=True, autoincrement=False),
    Column("project", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", _NAME, nullable=False),
    Column("type", Text, nullable=False),
    Column("unit", Text),
    Column("public", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_point_ms", BigInteger),
    Column("last_received_at", BigInteger),
    Column("trashed_at", BigInteger),
    # 16 bytes; only source `stat` has it.
    Column("classic_key", LargeBinary),
    #: The id that the stat has where its history was imported from.
    Column("origin", Text),
    #: What shows the stat on pages of others, None where nobody may embed it. No secret: those pages carry it.
    Column("embed_key", Text),
    # In the order of a listing: it serves uniqueness, look-up by name and the pages of a list. The type belongs to it because only
    # source `stat` forbids a counter and a value of one name.
    Index(
        "stats_by_name",
        "project",
        "name",
        "source",
        "type",
        unique=True,
        sqlite_where=text("trashed_at IS NULL"),
        postgresql_where=text("trashed_at IS NULL"),
    ),
    Index(
        "stats_own_names",
        "project",
        "name",
        unique=True,
        sqlite_where=text("source = 'stat' AND trashed_at IS NULL"),
        postgresql_where=text("source = 'stat' AND trashed_at IS NULL"),
    ),
    Index(
        "stats_by_classic_key",
        "classic_key",
        sqlite_where=text("classic_key IS NOT NULL"),
        postgresql_where=text("classic_key IS NOT NULL"),
    ),
    Index(
        "stats_by_embed_key",
        "embed_key",
        unique=True,
        sqlite_where=text("embed_key IS NOT NULL"),
        postgresql_where=text("embed_key IS NOT NULL"),
    ),
    Index(
        "stats_in_trash",
        "trashed_at",
        sqlite_where=text("trashed_at IS NOT NULL"),
        postgresql_where=text("trashed_at IS NOT NULL"),
    ),
)

monitors = Table(
    "monitors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    Column("slug", _NAME, nullable=False),
    Column("environment", _NAME, nullable=False),
    Column("name", Text, nullable=False),
    Column("interval_s", BigInteger, nullable=False),
    Column("interval_edited", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("last_check_in_at", BigInteger),
    Column("last_received_at", BigInteger),
    Column("last_status", Text, nullable=False),
    Column("last_duration_ms", Double),
    Column("last_message", Text, nullable=False),
    Column("last_event_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("grace_min", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    UniqueConstraint("project", "slug", "environment", name="monitors_by_slug"),
)

#: Pages that the server looks at. Times in µs; ``due_at``, see ``catalog.uptime``.
uptime_monitors = Table(
    "uptime_monitors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("interval_min", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("checked_at", BigInteger),
    Column("duration_ms", Double),
    Column("code", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("uptime_monitors_by_project", "project", "created_at"),
    Index("uptime_monitors_by_due", "due_at"),
)

#: What programs tell of their own runs: a release's health is how its sessions ended.
sessions = Table(
    "sessions",
    metadata,
    Column("project", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("duration_ms", Double),
    Index("sessions_by_release", "project", "release", "environment"),
)

deployments = Table(
    "deployments",
    metadata,
    # Made from what identifies a deployment, so that no second index is needed (rulings 3).
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    Column("repository", _NAME, nullable=False),
    Column("environment", _NAME, nullable=False),
    Column("release", _NAME, nullable=False),
    Column("commit_sha", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Column("deployed_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("deployments_by_time", "project", "deployed_at"),
)

annotations = Table(
    "annotations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    # No foreign key: a stat may be annotated before its first point is projected.
    Column("stat_id", BigInteger),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("annotations_by_time", "project", "ts"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger),
    Column("journal", Text, nullable=False),
    Column("segment", BigInteger, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("row_index", BigInteger, nullable=False),
    Column("row", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("replayed_at", BigInteger),
    UniqueConstraint("journal", "segment", "table_name", "partition", "row_index", name="dead_letters_by_place"),
    Index("dead_letters_by_project", "project", "state", "id"),
)

progress = Table(
    "progress",
    metadata,
    Column("journal", Text, primary_key=True),
    Column("segment", BigInteger, nullable=False),
)

#: ``address`` is sealed (``catalog.sealing``); times in µs.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("message", JSON, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Index("outbox_by_state", "state", "not_after"),
)

#: ``day`` counts from the epoch, UTC.
daily_events = Table(
    "daily_events",
    metadata,
    Column("project", BigInteger, primary_key=True, autoincrement=False),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("events", BigInteger, nullable=False),
)

#: How many records a project was given in a calendar month (yyyymm, UTC).
usage = Table(
    "usage",
    metadata,
    Column("project", BigInteger, primary_key=True, autoincrement=False),
    Column("month", BigInteger, primary_key=True, autoincrement=False),
    Column("units", BigInteger, nullable=False),
)

#: Who is signed in. ``token_sha256``: of what the browser holds; times in µs, ``expires_at`` moves on with ``seen_at``.
logins = Table(
    "logins",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("scopes", Text, nullable=False, server_default=""),
    Index("logins_by_account", "account_id"),
)

#: Command lines that wait for a person to let them in. Both codes as digests; ``account_id`` is whoever decided. Times in µs.
device_logins = Table(
    "device_logins",
    metadata,
    Column("id", Text, primary_key=True),
    Column("device_sha256", LargeBinary, nullable=False, unique=True),
    Column("user_digest", LargeBinary, nullable=False, unique=True),
    Column("client_name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("polled_at", BigInteger),
)

#: Who else belongs to a project. The account that owns it is no member: it is in ``projects``.
members = Table(
    "members",
    metadata,
    Column("project", BigInteger, ForeignKey("projects.number"), primary_key=True, autoincrement=False),
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("members_by_account", "account_id"),
)

#: Open invitations; one that is used or revoked is gone. ``email`` is empty when whoever has the link may use it.
invitations = Table(
    "invitations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, ForeignKey("projects.number"), nullable=False),
    Column("role", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("invitations_by_project", "project"),
)

#: Who did what. Names are kept as they were, without foreign keys: the log outlives what it tells of.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("who_kind", Text, nullable=False),
    Column("who_id", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("project", BigInteger),
    Column("details", Text, nullable=False),
    Index("audit_by_time", "at"),
)

#: One import of a StatHat history a project, the last one. ``token`` is sealed and gone when the import ends; ``batch`` is the number that
#: its rows carry, ``after`` the name of the last stat that is done with. Times in µs.
imports = Table(
    "imports",
    metadata,
    Column("project", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("status", Text, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("stats_total", BigInteger, nullable=False),
    Column("stats_done", BigInteger, nullable=False),
    Column("stats_failed", BigInteger, nullable=False),
    Column("points_imported", BigInteger, nullable=False),
    Column("current_stat", Text),
    Column("after", Text, nullable=False),
    Column("failures", JSON, nullable=False),
    Column("error", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
)

#: Alerts as StatHat's API defines them. ``threshold`` is of kind value, ``percentage`` and ``time_delta`` of kind delta.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    Column("stat_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("time_window", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("threshold", Double),
    Column("percentage", Double),
    Column("time_delta", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("alerts_by_project", "project", "created_at"),
)

#: What people have decided about an issue: only those that somebody ever touched have a row, all others are unresolved. ``id`` is made of project
#: and fingerprint; times in µs.
issues = Table(
    "issues",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("resolved_in_release", Text, nullable=False),
    Column("reopened_at", BigInteger),
    Column("reopens", BigInteger, nullable=False),
    Column("regressions", BigInteger, nullable=False),
    Index("issues_by_project", "project", "status"),
)
