"""Runs the catalog's migrations inside a transaction that is already open."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(conn: Connection) -> None:
    """Brings the schema to the newest revision; nothing of it stays when one step fails."""
    config = Config()
    config.set_main_option("script_location", "headrace.catalog:migrations")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
