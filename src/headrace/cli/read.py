"""``headrace stats``, ``headrace events``, ``headrace tail``: what came in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import click

from headrace.cli.output import Shown, cell, print_json, print_table
from headrace.cli.session import folder_options, json_option, session
from headrace.cli.times import Moment
from headrace.records.tables import EVENT_TYPES
from headrace.settings import Settings

#: Seconds between two looks of ``tail``; rows are readable within one second of their acknowledgement.
TAIL_S: Final = 0.5

_project = click.option("--project", metavar="PROJECT", help="Name, slug or id [the only project].")
_limit = click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Most to show.")

_STATS = (
    Shown("name", "NAME"),
    Shown("type", "TYPE"),
    Shown("source", "SOURCE"),
    Shown("last_received_at", "LAST RECEIVED", "time"),
    Shown("id", "ID"),
)
_LISTS = {
    "events": (
        Shown("ts", "TIME", "time"),
        Shown("type", "TYPE"),
        Shown("level", "LEVEL"),
        Shown("name", "NAME"),
        Shown("environment", "ENVIRONMENT"),
        Shown("message", "MESSAGE"),
        Shown("id", "ID"),
    ),
    "requests": (
        Shown("ts", "TIME", "time"),
        Shown("direction", "DIRECTION"),
        Shown("method", "METHOD"),
        Shown("host", "HOST"),
        Shown("path", "PATH"),
        Shown("status", "STATUS", "number"),
        Shown("duration_ms", "MS", "number"),
        Shown("id", "ID"),
    ),
    "spans": (
        Shown("ts", "TIME", "time"),
        Shown("operation", "OPERATION"),
        Shown("name", "NAME"),
        Shown("status", "STATUS"),
        Shown("duration_ms", "MS", "number"),
        Shown("id", "ID"),
    ),
}


@click.command()
@_project
@click.option("--search", default="", metavar="TEXT", help="Only names that hold TEXT.")
@click.option(
    "--source", type=click.Choice(("stat", "slowstats", "logister", "canaryhub")), help="Only of this source."
)
@_limit
@json_option
@folder_options
def stats(settings: Settings, project: str | None, search: str, source: str | None, limit: int, as_json: bool) -> None:
    """Lists stats by name."""
    with session(settings, store=True) as run:
        found = run.call("stats", project=project, q=search, source=source, limit=limit)
    if as_json:
        print_json(found)
    else:
        print_table(found, _STATS, "No stat yet.")


@click.command()
@_project
@click.option("--table", type=click.Choice(tuple(_LISTS)), default="events", show_default=True, help="What to list.")
@click.option("--type", type=click.Choice(EVENT_TYPES), help="Only events of this type.")
@click.option("--level", help="Only events of this level.")
@click.option("--name", help="Only events or spans of this name.")
@click.option("--environment", help="Only of this environment.")
@click.option("--service", help="Only of this service.")
@click.option("--dialect", help="Only what came in through this dialect.")
@click.option("--search", "text", metavar="TEXT", help="Only with TEXT in message or name, path or host.")
@click.option("--since", type=Moment(-1), metavar="TIME", help="2027-01-31, a time in ISO 8601, or 90m, 12h, 30d ago.")
@click.option("--until", type=Moment(-1), metavar="TIME", help="As --since.")
@click.option("--raw", is_flag=True, help="With --json: the accepted record as well.")
@_limit
@json_option
@folder_options
def events(settings: Settings, as_json: bool, table: str, **wanted: Any) -> None:
    """Lists events, requests or spans, the latest first."""
    with session(settings, store=True) as run:
        found = run.call("events", table=table, **wanted)
    if as_json:
        print_json(found)
    else:
        print_table(found, _LISTS[table], "Nothing of the kind.")


@click.command()
@_project
@click.option("--since", type=Moment(-1), metavar="TIME", help="Begin with what came in since then, such as 10m ago.")
@json_option
@folder_options
def tail(settings: Settings, project: str | None, since: int | None, as_json: bool) -> None:
    """Shows events, requests, spans and points as they come, one line each, until Ctrl-C."""
    try:
        _follow(settings, project, since, as_json)
    except KeyboardInterrupt:
        pass  # the way to end it


def _follow(settings: Settings, project: str | None, since: int | None, as_json: bool) -> None:
    cursor: int | None = None
    with session(settings, store=True) as run:
        while True:
            answer = run.call("tail", project=project, after=cursor, since=since)
            for row in answer["rows"]:
                if as_json:
                    print_json(row)
                else:
                    click.echo(tail_line(row))
            if answer["left_out"]:
                click.echo("headrace: more came in than is shown", err=True)
            if not run.live:
                click.echo(f"headrace: no server runs on {settings.data}: nothing more will come", err=True)
                return
            cursor = answer["cursor"]
            time.sleep(TAIL_S)


def tail_line(row: Mapping[str, Any]) -> str:
    """One line for a row of ``tail``."""
    lead = f"{cell(row['ts'], 'time')}  {row.get('type') or row['table'].removesuffix('s'):<11}"
    if row["table"] == "points":
        return f"{lead}  {cell(row['name'])} = {cell(row['value'])}"
    if row["table"] == "requests":
        parts = [row["method"], row["host"] + row["path"], row["status"], f"{cell(row['duration_ms'])} ms"]
    elif row["table"] == "spans":
        parts = [row["operation"], row["name"], row["status"], f"{cell(row['duration_ms'])} ms"]
    else:
        parts = [row["level"], row["name"], row["message"]]
    where = "/".join(part for part in (row["service"], row["environment"]) if part)
    shown = "  ".join(cell(part) for part in parts if part not in ("", None))
    return f"{lead}  {shown}" + (f"  [{cell(where)}]" if where else "")
