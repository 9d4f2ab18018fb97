"""``headrace stat``."""

from __future__ import annotations

import click

from headrace.cli.output import Shown, print_json, print_record
from headrace.cli.session import folder_options, json_option, session
from headrace.settings import Settings

_SHARING = (
    Shown("name", "Stat"),
    Shown("id", "Id"),
    Shown("public", "Public"),
    Shown("embed_key", "Embed key"),
)


@click.group()
def stat() -> None:
    """One stat, and who else may see it."""


@stat.command()
@click.argument("stat", metavar="STAT")
@click.option("--project", metavar="PROJECT", help="Name, slug or id [the only project].")
@click.option("--public/--private", default=None, help="Whether everybody may see it at /stats/ID.")
@click.option(
    "--embed/--no-embed",
    default=None,
    help="Whether it has a key that shows it on other pages; --no-embed revokes that for good, --embed makes another.",
)
@json_option
@folder_options
def share(
    settings: Settings, stat: str, project: str | None, public: bool | None, embed: bool | None, as_json: bool
) -> None:
    """Shows who else may see STAT (id or name), and changes it."""
    with session(settings, store=True) as run:
        done = run.call("stat.share", project=project, ref=stat, public=public, embed=embed)
    if as_json:
        print_json(done)
    else:
        print_record(done, _SHARING)
