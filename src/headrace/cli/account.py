"""``headrace account``."""

from __future__ import annotations

import click

from headrace.cli.output import Shown, print_json, print_table
from headrace.cli.session import folder_options, json_option, read_password, session
from headrace.settings import Settings

_COLUMNS = (
    Shown("email", "EMAIL"),
    Shown("name", "NAME"),
    Shown("role", "ROLE"),
    Shown("created_at", "CREATED", "time"),
    Shown("id", "ID"),
)


@click.group()
def account() -> None:
    """People who may sign in."""


@account.command()
@click.option("--email", required=True, help="E-mail address, unique in the instance.")
@click.option("--password", help="Password; asked for when not given.")
@click.option("--name", default="", help="Name to show.")
@click.option("--role", type=click.Choice(("owner", "member")), help="[the first account: owner; then member]")
@json_option
@folder_options
def create(settings: Settings, email: str, password: str | None, name: str, role: str | None, as_json: bool) -> None:
    """Makes an account; the first one owns the instance."""
    with session(settings, create=True) as run:
        made = run.call("account.create", email=email, password=read_password(password), name=name, role=role)
    if as_json:
        print_json(made)
    else:
        click.echo(f"Account {made['email']} ({made['role']}), id {made['id']}")


@account.command("list")
@json_option
@folder_options
def list_(settings: Settings, as_json: bool) -> None:
    """Lists all accounts, oldest first."""
    with session(settings) as run:
        found = run.call("account.list")
    if as_json:
        print_json(found)
    else:
        print_table(found, _COLUMNS, "No account yet.")
