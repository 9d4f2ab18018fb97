"""``headrace monitor``."""

from __future__ import annotations

import click

from headrace.cli.output import Shown, print_json, print_table
from headrace.cli.session import folder_options, json_option, session
from headrace.settings import Settings

_COLUMNS = (
    Shown("slug", "SLUG"),
    Shown("environment", "ENVIRONMENT"),
    Shown("state", "STATE"),
    Shown("interval_s", "EVERY (S)", "number"),
    Shown("last_check_in_at", "LAST CHECK-IN", "time"),
    Shown("last_message", "MESSAGE"),
    Shown("id", "ID"),
)


@click.group()
def monitor() -> None:
    """Monitors: jobs that check in."""


@monitor.command()
@click.option("--project", required=True, metavar="PROJECT", help="Name, slug or id.")
@click.option("--slug", required=True, help="What the job sends to name itself.")
@click.option("--environment", default="production", show_default=True, help="Environment of the job.")
@click.option("--name", default="", help="Name to show [the slug].")
@click.option("--interval", type=click.IntRange(min=1), metavar="SECONDS", help="Time between check-ins.")
@json_option
@folder_options
def create(
    settings: Settings, project: str, slug: str, environment: str, name: str, interval: int | None, as_json: bool
) -> None:
    """Makes a monitor."""
    with session(settings) as run:
        made = run.call(
            "monitor.create", project=project, slug=slug, environment=environment, name=name, interval_s=interval
        )
    if as_json:
        print_json(made)
    else:
        click.echo(f"Monitor {made['slug']} in {made['environment']}, every {made['interval_s']} s, id {made['id']}")


@monitor.command("list")
@click.option("--project", required=True, metavar="PROJECT", help="Name, slug or id.")
@json_option
@folder_options
def list_(settings: Settings, project: str, as_json: bool) -> None:
    """Lists a project's monitors and their last check-ins."""
    with session(settings) as run:
        found = run.call("monitor.list", project=project)
    if as_json:
        print_json(found)
    else:
        print_table(found, _COLUMNS, "No monitor yet.")
