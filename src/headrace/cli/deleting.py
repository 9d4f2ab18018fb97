"""What commands that delete a project share: asking first, and waiting until it is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import click

from headrace.cli.errors import CliError
from headrace.cli.session import Session

#: How long a command waits for a server to delete a project, and how often it looks, seconds.
WAIT_S = 60.0
LOOK_S = 0.2


def ask(project: str, *, yes: bool) -> None:
    """Has whoever sits there type ``project`` again, unless ``yes``. Raises :class:`CliError` when that is something else, and where
    nobody can be asked.
    """
    if yes:
        return
    if not os.isatty(0):
        raise CliError("nobody can be asked here: give --yes to delete the project for good")
    click.echo(f"This deletes {project} with everything in it, for good.")
    if click.prompt("Type its name again to go on") != project:
        raise CliError("that is not what you asked to delete: nothing was done")


def wait_gone(run: Session, ids: Sequence[str]) -> bool:
    """Waits until nothing is left of the projects that are being deleted; False when that takes too long."""
    deadline = time.monotonic() + WAIT_S
    while not {one["id"] for one in run.call("project.list")}.isdisjoint(ids):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True
