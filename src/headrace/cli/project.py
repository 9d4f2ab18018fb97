"""``headrace project``."""

from __future__ import annotations

from typing import Any

import click

from headrace.catalog.projects import DEFAULT_PLATFORM, PLATFORMS
from headrace.cli.deleting import ask, wait_gone
from headrace.cli.output import Shown, print_json, print_record, print_table
from headrace.cli.session import folder_options, json_option, session
from headrace.settings import Settings

#: Digits of a number of records or units.
MAX_DIGITS = 16

_COLUMNS = (
    Shown("name", "NAME"),
    Shown("slug", "SLUG"),
    Shown("state", "STATE"),
    Shown("used", "THIS MONTH", "number"),
    Shown("quota", "QUOTA", "number"),
    Shown("created_at", "CREATED", "time"),
    Shown("id", "ID"),
)
_STATHAT = (
    Shown("project", "Project"),
    Shown("ez", "EZ API"),
    Shown("browsers", "Browsers"),
    Shown("user_key", "User key"),
)
_LIMITS = (
    Shown("name", "Project"),
    Shown("quota", "Records a month", "number"),
    Shown("logister_rate", "Logister rate", "number"),
    Shown("stats_max", "Stats", "number"),
)


#: What ``none`` is read as: an argument that is not there would be one that was not given.
NO_QUOTA = -1


class _Quota(click.ParamType[int]):
    name = "quota"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text == "none":
            return NO_QUOTA
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
            self.fail(f"{text!r} is neither a number nor none", param, ctx)
        return int(text)


@click.group()
def project() -> None:
    """Projects: the walls between data."""


@project.command()
@click.option("--name", required=True, help="Name to show; its slug is made from it.")
@click.option("--account", metavar="EMAIL", help="Account that owns it [the instance's owner].")
@click.option(
    "--platform",
    type=click.Choice(PLATFORMS),
    default=DEFAULT_PLATFORM,
    show_default=True,
    help="What it is for, for good: only android and ios projects make mobile tokens.",
)
@click.option(
    "--id", "own_id", metavar="ID", help="Id that deployed programs already send (SlowStats' projectId) [a new one]."
)
@click.option(
    "--quota", type=click.IntRange(min=0), metavar="N", help="Records in a calendar month (UTC) [any number]."
)
@json_option
@folder_options
def create(
    settings: Settings,
    name: str,
    account: str | None,
    platform: str,
    own_id: str | None,
    quota: int | None,
    as_json: bool,
) -> None:
    """Makes a project."""
    with session(settings) as run:
        made = run.call("project.create", name=name, account=account, platform=platform, id=own_id, quota=quota)
    if as_json:
        print_json(made)
    else:
        click.echo(f"Project {made['name']} (slug {made['slug']}), id {made['id']}")


@project.command("list")
@json_option
@folder_options
def list_(settings: Settings, as_json: bool) -> None:
    """Lists all projects, also those that are archived or being deleted."""
    with session(settings) as run:
        found = run.call("project.list")
    if as_json:
        print_json(found)
    else:
        print_table(found, _COLUMNS, "No project yet.")


@project.command("quota")
@click.argument("project", metavar="PROJECT")
@click.argument("records", metavar="N|none", type=_Quota())
@json_option
@folder_options
def quota_(settings: Settings, project: str, records: int, as_json: bool) -> None:
    """Sets how many records PROJECT (name, slug or id) may be given in a calendar month (UTC); `none` lifts the quota."""
    with session(settings) as run:
        done = run.call("project.quota", project=project, quota=None if records == NO_QUOTA else records)
    if as_json:
        print_json(done)
        return
    most = "any number of" if done["quota"] is None else f"{done['quota']:,}"
    click.echo(f"{done['name']} may be given {most} records a month; {done['used']:,} so far.")


@project.command()
@click.argument("project", metavar="PROJECT")
@click.option(
    "--logister-rate",
    metavar="N|none",
    type=_Quota(),
    help="Units a minute that each key may send to Logister's endpoints, in place of Logister's own limit.",
)
@click.option(
    "--stats-max", metavar="N|none", type=_Quota(), help="Stats that points of StatFlow and StatHat may make."
)
@json_option
@folder_options
def limits(settings: Settings, project: str, as_json: bool, **sent: int | None) -> None:
    """Shows the limits of PROJECT (name, slug or id) beside its quota, and changes them: 1 to 10,000,000, `none` for none.

    A key with a rate of its own keeps it. Stats that are there stay, however many they are.
    """
    changes = {name: None if limit == NO_QUOTA else limit for name, limit in sent.items() if limit is not None}
    with session(settings) as run:
        done = run.call("project.limits", project=project, **changes)
    if as_json:
        print_json(done)
    else:
        print_record(done, _LIMITS)


@project.command()
@click.argument("project", metavar="PROJECT")
@json_option
@folder_options
def archive(settings: Settings, project: str, as_json: bool) -> None:
    """Archives PROJECT (name, slug or id): its keys are revoked at once, its data stays."""
    with session(settings) as run:
        done = run.call("project.archive", project=project)
    if as_json:
        print_json(done)
    else:
        click.echo(f"Archived {done['name']}; its keys no longer work.")


@project.command()
@click.argument("project", metavar="PROJECT")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@json_option
@folder_options
def delete(settings: Settings, project: str, yes: bool, as_json: bool) -> None:
    """Deletes PROJECT (name, slug or id) with everything in it, for good.

    Its keys stop working at once. The command waits for the rest: records, stats, monitors, members and whatever else belongs to it go
    from the journal, the store and the catalog. Its id is never given again.
    """
    ask(project, yes=yes)
    with session(settings, store=True) as run:
        deleted = run.call("project.delete", project=project)
        gone = wait_gone(run, [deleted["id"]])
    if as_json:
        print_json(deleted | {"state": "deleted" if gone else "deleting"})
    elif gone:
        click.echo(f"Deleted {deleted['name']} and everything in it.")
    else:
        click.echo(f"{deleted['name']} is being deleted: its keys no longer work, the server goes on with the rest.")


@project.command()
@click.argument("project", metavar="PROJECT")
@click.option("--ez/--no-ez", default=None, help="Whether points are taken at /ez.")
@click.option(
    "--browsers/--no-browsers", default=None, help="Whether pages of other origins may read what /c and /v answer."
)
@json_option
@folder_options
def stathat(settings: Settings, project: str, ez: bool | None, browsers: bool | None, as_json: bool) -> None:
    """Shows how StatHat is set up in PROJECT (name, slug or id), with its user key for /c and /v, and changes it."""
    with session(settings) as run:
        found = run.call("project.stathat", project=project, ez=ez, browsers=browsers)
    if as_json:
        print_json(found)
    else:
        print_record(found, _STATHAT)
