"""``headrace init``: everything a new instance needs before its first request."""

from __future__ import annotations

import click

from headrace.cli.output import print_json
from headrace.cli.session import folder_options, json_option, read_password, session
from headrace.settings import Settings


@click.command()
@click.option("--email", required=True, help="The owner's e-mail address.")
@click.option("--password", help="The owner's password; asked for when not given.")
@click.option("--project", metavar="NAME", help="Name of the first project [First project].")
@json_option
@folder_options
def init(settings: Settings, email: str, password: str | None, project: str | None, as_json: bool) -> None:
    """Makes the owner account, the first project and its first key."""
    with session(settings, create=True) as run:
        made = run.call("init", email=email, password=read_password(password), project=project)
    if as_json:
        print_json(made)
        return
    click.echo(f"Owner    {made['account']['email']}")
    click.echo(f"Project  {made['project']['name']} ({made['project']['id']})")
    click.echo(f"Key      {made['key']['key']}")
    click.echo("The key is shown this once.")
