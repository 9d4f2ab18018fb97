"""Who is signed in, who belongs to which project, who was invited, and who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _digest() -> sa.Column[bytes]:
    return sa.Column("token_sha256", sa.LargeBinary, nullable=False, unique=True)


def _account() -> sa.Column[str]:
    return sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), nullable=False)


def upgrade() -> None:
    """Makes logins, members, invitations and the audit log."""
    op.create_table(
        "logins",
        sa.Column("id", sa.Text, primary_key=True),
        _account(),
        _digest(),
        *map(_big, ("created_at", "seen_at", "expires_at")),
        *map(_text, ("address", "agent")),
    )
    op.create_index("logins_by_account", "logins", ["account_id"])
    op.create_table(
        "members",
        sa.Column("project", sa.BigInteger, sa.ForeignKey("projects.number"), primary_key=True, autoincrement=False),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
        _text("role"),
        _big("created_at"),
    )
    op.create_index("members_by_account", "members", ["account_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project", sa.BigInteger, sa.ForeignKey("projects.number"), nullable=False),
        *map(_text, ("role", "email")),
        _digest(),
        _account(),
        *map(_big, ("created_at", "expires_at")),
    )
    op.create_index("invitations_by_project", "invitations", ["project"])
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        _big("at"),
        *map(_text, ("who_kind", "who_id", "who", "address", "action", "subject_id", "subject")),
        sa.Column("project", sa.BigInteger),
        _text("details"),
    )
    op.create_index("audit_by_time", "audit", ["at"])
