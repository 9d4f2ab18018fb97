"""Alembic's folder: how a catalog of any released version becomes the present one."""
