"""``headrace doctor``."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import click

from headrace.cli import checks
from headrace.cli.checks import Finding
from headrace.cli.control import Control
from headrace.cli.errors import CliError
from headrace.cli.lock import FolderBusy
from headrace.cli.output import print_json
from headrace.cli.session import folder_options, json_option, session
from headrace.journal.aside import set_aside
from headrace.settings import Settings


@click.command()
@click.option(
    "--restore-catalog",
    "copy",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Put this copy in the catalog's place, and do nothing else. No server may run.",
)
@json_option
@folder_options
def doctor(settings: Settings, as_json: bool, copy: Path | None) -> int:
    """Looks at folder, disk, permissions, catalog, journal, claims, store and clock, and says what to do.

    Exit code 1 when something is wrong.
    """
    if copy is not None:
        return _restore(settings, copy, as_json)
    findings = list(examine(settings, time.time_ns() // 1000))
    wrong = any(finding.state == "fail" for finding in findings)
    if as_json:
        print_json({"ok": not wrong, "checks": findings})
    else:
        for finding in findings:
            click.echo(f"{finding.state:<4}  {finding.check:<11}  {finding.text}")
            if finding.advice:
                click.echo(f"{'':<19}-> {finding.advice}")
    return 1 if wrong else 0


def _restore(settings: Settings, copy: Path, as_json: bool) -> int:
    from headrace.cli.restore import restore_catalog

    former = restore_catalog(settings, copy, time.time_ns() // 1000)
    if as_json:
        print_json({"restored": str(copy), "former": str(former) if former else None})
    else:
        click.echo(f"The catalog is that of {copy}." + (f" The former one is kept in {former}." if former else ""))
    return 0


def examine(settings: Settings, now_us: int) -> Iterator[Finding]:
    """All findings in the order of the report; without a usable folder there is nothing more to look at."""
    folder = list(checks.check_folder(settings))
    yield from folder
    if any(finding.state == "fail" for finding in folder):
        return
    yield from checks.check_disk(settings)
    yield from checks.check_permissions(settings)
    yield from check_catalog(settings)
    yield from checks.check_journal(settings, now_us)
    yield from checks.check_claims(settings)
    yield from check_store(settings)
    yield from checks.check_clock(settings, now_us)


def check_catalog(settings: Settings) -> Iterator[Finding]:
    """Whether the catalog opens, has a schema that this release knows, and is whole; and what copies of it there are."""
    from headrace.catalog import copies
    from headrace.cli.restore import damage_line

    path = copies.sqlite_path(settings.catalog_url)
    if path is None:
        yield _check_catalog_server(settings)
        return
    if damage := damage_line(settings):
        text, _, advice = damage.partition("): ")
        yield Finding("catalog", "fail", f"{text})", advice)
    elif not path.exists():
        yield Finding("catalog", "warn", "none yet", "make it with `headrace init`, or start `headrace serve`")
    else:
        try:
            yield _schema(copies.look_at(path).version)
        except sqlite3.Error as error:
            yield Finding("catalog", "fail", f"{path} does not open: {error}", "let this user read and write the file")
    kept = copies.copies(settings.data / copies.FOLDER)
    if kept:
        yield Finding("copies", "ok", f"{len(kept)} of the catalog, the newest of {copies.day_of(kept[0])}")
    for name in set_aside(path):
        advice = "remove it when nothing of it is needed any more"
        yield Finding("catalog", "warn", f"a former catalog is set aside in {name}", advice)


def _check_catalog_server(settings: Settings) -> Finding:
    import sqlalchemy as sa

    try:
        engine = sa.create_engine(settings.catalog_url)
        try:
            with engine.connect() as conn:
                return _schema(conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        why = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
        return Finding(
            "catalog", "fail", f"cannot be reached: {why}", "see that the database runs and catalog_url is right"
        )


def _schema(version: str) -> Finding:
    from headrace.catalog.db import newest_revision

    if version > newest_revision():
        text = f"schema {version} is newer than this Headrace knows ({newest_revision()})"
        return Finding("catalog", "fail", text, "run the newer release, or restore a backup")
    return Finding("catalog", "ok", f"schema {version}")


def check_store(settings: Settings) -> Iterator[Finding]:
    """Whether the store opens: asked of the running server, else tried here under the folder's lock."""
    embedded = Path(settings.store_url.removeprefix("chdb://"))
    server = Control.connect(settings.data)
    if server is not None:
        server.close()
    elif settings.store_url.startswith("chdb://") and not embedded.exists():
        yield Finding("store", "ok", "none yet; the server makes it")
        return
    try:
        with session(settings, store=True) as run:
            found = run.call("store.check")
    except (CliError, FolderBusy, OSError, sqlite3.Error) as error:
        advice = (
            "see the server's log" if server else "stop the process that uses it, or restore the folder from a backup"
        )
        yield Finding("store", "fail", str(error), advice)
        return
    where = "in the running server" if server else "opened here"
    text = f"engine {found['version']} {where}, {found['rows']:,} rows in {found['parts']:,} parts"
    yield Finding("store", "ok", f"{text}, {checks.size_text(found['bytes'])}")
