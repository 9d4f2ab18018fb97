"""``headrace uptime``."""

from __future__ import annotations

import click

from headrace.catalog.uptime import INTERVALS_MIN
from headrace.cli.output import Shown, print_json, print_table
from headrace.cli.session import folder_options, json_option, session
from headrace.settings import Settings

_COLUMNS = (
    Shown("name", "NAME"),
    Shown("url", "URL"),
    Shown("status", "STATUS"),
    Shown("uptime", "UP IN 24 H (%)", "number"),
    Shown("code", "CODE", "number"),
    Shown("checked_at", "LAST LOOK", "time"),
    Shown("reason", "REASON"),
    Shown("id", "ID"),
)


@click.group()
def uptime() -> None:
    """Uptime monitors: pages that the server looks at."""


@uptime.command()
@click.option("--project", required=True, metavar="PROJECT", help="Name, slug or id.")
@click.option("--url", required=True, help="Address of the page, http or https.")
@click.option("--name", help="Name to show [the URL, cut].")
@click.option(
    "--every",
    type=click.Choice([str(one) for one in INTERVALS_MIN]),
    default="5",
    show_default=True,
    help="Minutes between two looks.",
)
@json_option
@folder_options
def create(settings: Settings, project: str, url: str, name: str | None, every: str, as_json: bool) -> None:
    """Has a page looked at, for the first time at once."""
    with session(settings) as run:
        made = run.call("uptime.create", project=project, url=url, name=name, interval_min=int(every))
    if as_json:
        print_json(made)
    else:
        click.echo(f"{made['url']} is looked at every {made['interval_min']} min, id {made['id']}")


@uptime.command("list")
@click.option("--project", required=True, metavar="PROJECT", help="Name, slug or id.")
@json_option
@folder_options
def list_(settings: Settings, project: str, as_json: bool) -> None:
    """Lists the pages of a project that are looked at, and how they are."""
    with session(settings, store=True) as run:
        found = run.call("uptime.list", project=project)
    if as_json:
        print_json(found)
    else:
        print_table(found, _COLUMNS, "No uptime monitor yet.")


@uptime.command()
@click.argument("monitor", metavar="ID")
@click.option("--project", required=True, metavar="PROJECT", help="Name, slug or id.")
@json_option
@folder_options
def delete(settings: Settings, monitor: str, project: str, as_json: bool) -> None:
    """Looks at the page of monitor ID no longer; what was found stays."""
    with session(settings) as run:
        run.call("uptime.delete", project=project, id=monitor)
    if as_json:
        print_json({"id": monitor})
    else:
        click.echo(f"Monitor {monitor} is deleted")
