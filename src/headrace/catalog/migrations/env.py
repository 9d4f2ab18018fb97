"""Alembic's entry: migrations run on the connection, and in the transaction, that ``catalog.upgrade`` hands over."""

from alembic import context

from headrace.catalog.tables import metadata

# SQLite's DDL is transactional, although Alembic assumes the contrary: a half-made schema is never committed.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
