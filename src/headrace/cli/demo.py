"""``headrace demo``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from headrace.catalog.projects import KEPT_STATES
from headrace.cli.deleting import wait_gone
from headrace.cli.errors import CliError
from headrace.cli.output import print_json
from headrace.cli.session import Session, folder_options, json_option, session
from headrace.demo.week import MAX_DAYS, SCALES, Address, Week
from headrace.settings import Settings

if TYPE_CHECKING:
    from headrace.demo.sending import Sender
    from headrace.demo.week import Shipment

#: What the project is called, and how its id begins: by that it is known again.
PROJECT_NAME, ID_PREFIX = "Demo", "headrace-demo-"
KEY_NAME = "headrace demo"


@click.command()
@click.option("--url", metavar="URL", help="Address of the server [the one that the settings say].")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=MAX_DAYS, show_default=True, help="Days up to now.")
@click.option(
    "--scale", type=click.Choice(list(SCALES)), default="full", show_default=True, help="small: a tenth of the records."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same figures.")
@click.option("--remove", is_flag=True, help="Delete the demo's project instead, for good.")
@json_option
@folder_options
def demo(settings: Settings, url: str | None, days: int, scale: str, seed: int, remove: bool, as_json: bool) -> None:
    """Fills a project called Demo with a believable week of a shop, sent in all dialects to the running server.

    About 200,000 points and 20,000 events with the rhythm of days and nights, a release that went wrong and a missed job. The project
    is one of its own; --remove deletes it with everything in it.
    """
    if remove:
        _remove(settings, as_json=as_json)
        return
    _fill(settings, url or settings.base_url, Week(int(time.time()), days, scale, seed), as_json=as_json)


def _fill(settings: Settings, url: str, week: Week, *, as_json: bool) -> None:
    from headrace.demo.plan import plan
    from headrace.demo.sending import NoServer, Sender, SendError

    began = time.monotonic()
    try:
        with Sender(url, "") as sender:
            sender.check()
    except NoServer as error:
        raise CliError(f"{error}; start the server with `headrace serve` (in a clone: `make run`)") from None
    except SendError as error:
        raise CliError(str(error)) from None
    with _project(settings) as (address, slug):
        shipments = plan(week, address)
        try:
            with Sender(url, address.key) as sender:
                _send(sender, shipments, quiet=as_json)
        except SendError as error:
            raise CliError(f"{error}; the demo is deleted as far as it came") from None
    points, rows = sum(one.points for one in shipments), sum(one.rows for one in shipments)
    if as_json:
        print_json({"project": address.project, "name": PROJECT_NAME, "points": points, "events": rows})
        return
    click.echo(f"{points:,} points and {rows:,} events in {time.monotonic() - began:.0f} s.")
    click.echo(f"Look at them: {url.rstrip('/')}/app/p/{slug}, or headrace stats --project {slug}")


@contextmanager
def _project(settings: Settings) -> Iterator[tuple[Address, str]]:
    """A project of the demo's own and its slug, with a key that no rate holds up and that is revoked at the end. A demo that does not
    come to its end is deleted. Raises :class:`CliError` when there is one already.
    """
    with session(settings) as run:
        if not run.live:
            raise CliError(f"no server runs on the folder {settings.data}; name the server's own with --data")
        if found := _projects(run, ("live",)):
            raise CliError(f"there is a project {found[0]['name']} already; `headrace demo --remove` deletes it")
        made = run.call("project.create", name=PROJECT_NAME, id=f"{ID_PREFIX}{secrets.token_hex(6)}")
        project = made["id"]
        scopes = ["write", "manage"]
        key = run.call("key.create", project=project, name=KEY_NAME, scopes=scopes, unlimited=True)
    complete = False
    try:
        yield Address(key["key"], project), made["slug"]
        complete = True
    finally:
        with session(settings) as run:
            if complete:
                run.call("key.revoke", id=key["id"])
            else:
                run.call("project.delete", project=project)


def _projects(run: Session, states: Sequence[str]) -> list[dict[str, Any]]:
    """The projects in one of ``states`` that a demo has made."""
    listed = run.call("project.list")
    return [one for one in listed if one["id"].startswith(ID_PREFIX) and one["state"] in states]


def _send(sender: Sender, shipments: Sequence[Shipment], *, quiet: bool) -> None:
    bar = nullcontext(shipments) if quiet else click.progressbar(shipments, label=f"Sending to {PROJECT_NAME}")
    with bar as each:
        for shipment in each:
            sender.send(shipment)


def _remove(settings: Settings, *, as_json: bool) -> None:
    with session(settings, store=True) as run:
        gone = [run.call("project.delete", project=one["id"]) for one in _projects(run, KEPT_STATES)]
        complete = wait_gone(run, [one["id"] for one in gone])
    if as_json:
        print_json(gone)
    elif not gone:
        click.echo("There is no demo to remove.")
    elif complete:
        click.echo(f"Deleted {PROJECT_NAME} and everything in it.")
    else:
        click.echo(f"{PROJECT_NAME} is being deleted; the server goes on with it.")
