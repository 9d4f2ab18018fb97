"""``headrace key``."""

from __future__ import annotations

import click

from headrace.cli.output import Shown, print_json, print_record, print_table
from headrace.cli.session import folder_options, json_option, session
from headrace.cli.times import Moment
from headrace.settings import Settings

STYLES = ("headrace", "statflow", "canaryhub", "seestack", "logister", "slowstats", "stathat")

_COLUMNS = (
    Shown("name", "NAME"),
    Shown("shown", "BEGINS"),
    Shown("project", "PROJECT"),
    Shown("reach", "REACH"),
    Shown("scopes", "SCOPES"),
    Shown("state", "STATE"),
    Shown("last_used_at", "LAST USED", "time"),
    Shown("expires_at", "EXPIRES", "time"),
    Shown("refused", "REFUSED", "number"),
    Shown("id", "ID"),
)
_REFUSALS = (
    Shown("name", "NAME"),
    Shown("project", "PROJECT"),
    Shown("refused", "REFUSED", "number"),
    Shown("refused_reason", "LAST REASON"),
    Shown("refused_at", "WHEN", "time"),
    Shown("id", "ID"),
)
_MADE = (
    Shown("key", "Key"),
    Shown("user_key", "User key"),
    Shown("name", "Name"),
    Shown("project", "Project"),
    Shown("reach", "Reach"),
    Shown("scopes", "Scopes"),
    Shown("expires_at", "Expires", "time"),
    Shown("id", "Id"),
)


@click.group()
def key() -> None:
    """Keys: what programs send with their data."""


@key.command()
@click.option("--project", required=True, metavar="PROJECT", help="Project it writes to: name, slug or id.")
@click.option("--account-wide", is_flag=True, help="Reaches every project of the account; PROJECT is its default.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(("read", "write", "manage")),
    help="What it may do; repeatable [read and write; of style stathat: write].",
)
@click.option("--style", type=click.Choice(STYLES), default="headrace", show_default=True, help="How the key looks.")
@click.option("--name", help="Name to know it by.")
@click.option("--expires", metavar="TIME", type=Moment(+1), help="2027-01-31, a time in ISO 8601, or 90m, 12h, 30d.")
@click.option("--secret", metavar="STRING", help="A key that deployed programs hold already, in place of a new one.")
@click.option(
    "--rate", type=click.IntRange(1, 10**9), metavar="N", help="Units a minute, over each dialect's own limit."
)
@click.option("--burst", type=click.IntRange(1, 10**9), metavar="N", help="Units at once; with --rate.")
@click.option("--no-rate-limit", is_flag=True, help="No limit in any dialect.")
@json_option
@folder_options
def create(
    settings: Settings,
    project: str,
    account_wide: bool,
    scopes: tuple[str, ...],
    style: str,
    name: str | None,
    expires: int | None,
    secret: str | None,
    rate: int | None,
    burst: int | None,
    no_rate_limit: bool,
    as_json: bool,
) -> None:
    """Makes a key and prints it, this once."""
    if no_rate_limit and (rate or burst):
        raise click.UsageError("--no-rate-limit cannot stand beside --rate and --burst")
    if burst and not rate:
        raise click.UsageError("--burst needs --rate")
    with session(settings) as run:
        made = run.call(
            "key.create",
            project=project,
            account_wide=account_wide,
            scopes=list(scopes) or None,
            style=style,
            name=name,
            expires_at=expires,
            secret=secret,
            rate=rate,
            burst=burst,
            unlimited=no_rate_limit,
        )
    if secret is not None and "@" in secret:
        click.echo("Warning: an e-mail address is easily guessed; whoever does can post to this project.", err=True)
    if as_json:
        print_json(made)
    else:
        print_record(made, [line for line in _MADE if line.key != "user_key" or made[line.key]])


@key.command("list")
@click.option("--project", metavar="PROJECT", help="Only this project's: name, slug or id.")
@json_option
@folder_options
def list_(settings: Settings, project: str | None, as_json: bool) -> None:
    """Lists keys, revoked ones included, without their secrets."""
    with session(settings) as run:
        found = run.call("key.list", project=project)
    if as_json:
        print_json(found)
    else:
        print_table(found, _COLUMNS, "No key yet.")


@key.command()
@click.argument("key_id", metavar="ID")
@json_option
@folder_options
def revoke(settings: Settings, key_id: str, as_json: bool) -> None:
    """Revokes the key with this ID (see `headrace key list`); it stops working at once."""
    with session(settings) as run:
        done = run.call("key.revoke", id=key_id)
    if as_json:
        print_json(done)
    else:
        click.echo(f"Revoked {done['name']}.")


@key.command()
@click.option("--project", metavar="PROJECT", help="Only this project's: name, slug or id.")
@json_option
@folder_options
def refusals(settings: Settings, project: str | None, as_json: bool) -> None:
    """Lists keys whose requests were refused: how often, and why last."""
    with session(settings) as run:
        found = run.call("key.refusals", project=project)
    if as_json:
        print_json(found)
    else:
        print_table(found, _REFUSALS, "Nothing was refused.")
