"""``headrace import``."""

from __future__ import annotations

import base64
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from headrace.api.imports.files import FILES_MAX
from headrace.cli.errors import CliError
from headrace.cli.output import cell, print_json
from headrace.cli.session import Session, folder_options, json_option, session
from headrace.cli.times import Moment
from headrace.settings import Settings

#: Bytes of a piece; as base64 it fits into one line to the server.
PIECE = 512 << 10
#: Seconds between two looks at an import that a server runs.
LOOK_S = 0.2
#: What a folder is searched for.
_ENDINGS = (".csv", ".json")
_OPEN = ("queued", "running")


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--project", metavar="PROJECT", help="Name, slug or id [the only project].")
@click.option("--since", type=Moment(-1), metavar="TIME", help="Only what happened from then on.")
@click.option("--until", type=Moment(-1), metavar="TIME", help="Only what happened before.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, keep nothing.")
@json_option
@folder_options
def import_(
    settings: Settings,
    file: Path,
    project: str | None,
    since: int | None,
    until: int | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Imports histories of stats from FILE: a CSV export, saved JSON of a StatHat export, a ZIP archive of such files, or a folder of them.

    Doing it again repairs and doubles nothing. With a server the import goes on there if this command is interrupted.
    """
    options = {"since": _seconds(since), "until": _seconds(until), "dry_run": dry_run or None}
    with _opened(file) as content, session(settings, store=True) as run:
        upload = run.call("import.open", project=project)["upload"]
        while piece := content.read(PIECE):
            run.call("import.add", upload=upload, data=base64.b64encode(piece).decode())
        run.call("import.begin", upload=upload, project=project, name=file.name, **options)
        done = _ended(run, project)
    if as_json:
        print_json(done)
    else:
        _print(done, dry_run=dry_run)
    return 0 if done["status"] == "completed" else 1


def _seconds(us: int | None) -> int | None:
    return None if us is None else us // 1_000_000


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, or an archive of the folder's files."""
    if not path.is_dir():
        with path.open("rb") as file:
            yield file
        return
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() in _ENDINGS and one.is_file())
    if not 0 < len(found) <= FILES_MAX:
        raise CliError(f"{path} has {len(found):,} files of CSV or JSON: an import takes 1 to {FILES_MAX:,}")
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for one in found:
                archive.write(one, one.relative_to(path).as_posix())
        packed.seek(0)
        yield packed


def _ended(run: Session, project: str | None) -> dict[str, Any]:
    """The status of the import once it has ended."""
    while True:
        found: dict[str, Any] = run.call("import.status", project=project)
        if found["status"] not in _OPEN:
            return found
        time.sleep(LOOK_S)


def _print(done: dict[str, Any], *, dry_run: bool) -> None:
    if done["status"] == "completed":
        verb = "Would import" if dry_run else "Imported"
        click.echo(f"{verb} {_counted(done['stats_done'], 'stat')}, {_counted(done['points_imported'], 'point')}.")
    for failure in done["failures"]:
        click.echo(f"{cell(failure['name'])}: {cell(failure['error'])}", err=True)
    if done["status"] != "completed":
        raise CliError(f"the import has {done['status']}: {done['error'] or 'the project is closed'}")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
