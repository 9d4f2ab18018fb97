"""What ``headrace doctor`` looks at in the data folder. Nothing here changes or migrates a database or needs the server to be away."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from headrace.journal import schema as journal_schema
from headrace.journal.aside import mark_doubtful, set_aside
from headrace.settings import Settings

#: A clock outside these years is set wrong, whatever else is true.
SANE_YEARS = range(2024, 2100)
#: Time stamps this far ahead of the clock are taken for a clock that went back, µs.
AHEAD_US = 5_000_000
#: A journal whose oldest page is older than this is not being drained as it should, seconds.
SLOW_DRAIN_S = 60

_FILES = ("catalog.db", "journal.db", "claims.db", "headrace.toml")


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the report; ``advice`` says what to do unless all is well."""

    check: str
    state: Literal["ok", "warn", "fail"]
    text: str
    advice: str = ""


def check_folder(settings: Settings) -> Iterator[Finding]:
    data = settings.data
    try:
        about = data.stat()
    except FileNotFoundError:
        yield Finding(
            "folder", "fail", f"{data} does not exist", "start `headrace serve`, or name the folder with --data"
        )
        return
    except OSError as error:
        yield Finding("folder", "fail", f"{data}: {error.strerror}", "let this user into the folder")
        return
    if not stat.S_ISDIR(about.st_mode):
        yield Finding("folder", "fail", f"{data} is not a folder", "name another one with --data")
    elif about.st_uid != os.geteuid():
        text = f"{data} belongs to user {about.st_uid}, this is user {os.geteuid()}"
        yield Finding("folder", "warn", text, "run every headrace command as the folder's owner")
    elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("folder", "fail", f"{data} cannot be read and written", f"chmod 700 {data}")
    else:
        yield Finding("folder", "ok", str(data))


def check_disk(settings: Settings) -> Iterator[Finding]:
    disk = os.statvfs(settings.data)
    free = disk.f_bavail * disk.f_frsize
    text = f"{size_text(free)} free"
    if disk.f_flag & os.ST_RDONLY:
        yield Finding(
            "disk", "fail", "the file system is read-only", "look into the system's log, then mount it writable"
        )
    elif disk.f_files and not disk.f_favail:
        yield Finding("disk", "fail", "no inode is free", "remove files from this file system")
    elif free < settings.disk_min_free_bytes:
        text += f", below the {size_text(settings.disk_min_free_bytes)} that ingest needs: it answers 503"
        yield Finding("disk", "fail", text, "free some space, or lower disk_min_free_bytes")
    elif free < settings.disk_min_free_bytes + settings.journal_max_bytes:
        text += f", too little for a full journal ({size_text(settings.journal_max_bytes)})"
        yield Finding("disk", "warn", text, "free some space, or lower journal_max_bytes")
    else:
        yield Finding("disk", "ok", text)


def check_permissions(settings: Settings) -> Iterator[Finding]:
    """A file is exposed when others may use it *and* get to it: a folder of mode 0700 covers everything below."""
    covered = not stat.S_IMODE(settings.data.stat().st_mode) & 0o077
    secrets = [] if covered else [settings.data / name for name in _FILES]
    if settings.tls_key is not None and not (covered and settings.tls_key.is_relative_to(settings.data)):
        secrets.append(settings.tls_key)
    exposed = [path for path in secrets if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    for path in exposed:
        mode = stat.S_IMODE(path.stat().st_mode)
        yield Finding("permissions", "fail", f"{path} is open to other users (mode {mode:04o})", f"chmod 600 {path}")
    if not exposed and not covered:
        text = f"{settings.data} is open to other users (mode {stat.S_IMODE(settings.data.stat().st_mode):04o})"
        yield Finding("permissions", "warn", text, f"chmod 700 {settings.data}")
    elif not exposed:
        yield Finding("permissions", "ok", "only the owner gets in")


def check_journal(settings: Settings, now_us: int) -> Iterator[Finding]:
    path = settings.data / "journal.db"
    if not path.exists():
        yield Finding("journal", "ok", "none yet; the server makes it")
        return
    try:
        with closing(journal_schema.connect(path, readonly=True)) as journal:
            version = journal.execute("PRAGMA user_version").fetchone()[0]
            rows, size, oldest = journal.execute(
                "SELECT total(row_count), total(length(body)), min(at) FROM pages"
            ).fetchone()
            aside = journal.execute("SELECT count(*) FROM quarantine").fetchone()[0]
    except sqlite3.Error as error:
        yield Finding(
            "journal",
            "fail",
            f"{path} does not open: {error}",
            "start the server: it sets the file aside and goes on with what can be read",
        )
        return
    age = max(0, now_us - oldest) // 1_000_000 if oldest else 0
    text = f"{int(rows):,} rows wait, {size_text(int(size))}" + (f", the oldest for {age:,} s" if oldest else "")
    if version > journal_schema.VERSION:
        yield Finding("journal", "fail", f"format {version} is newer than this Headrace", "run the newer release")
    elif size >= settings.journal_max_bytes:
        yield Finding(
            "journal", "fail", f"{text}: it is full and ingest answers 503", "see why the store does not keep up"
        )
    elif age > SLOW_DRAIN_S:
        yield Finding("journal", "warn", text, "start the server, or see in its log why the store does not take them")
    else:
        yield Finding("journal", "ok", text)
    if aside:
        advice = "they did not match their checksums: test the disk; the rest is loaded"
        yield Finding("journal", "warn", f"{aside:,} damaged pages are set aside", advice)
    for name in set_aside(path):
        advice = "what could be read of it went on: test the disk, keep the file for a closer look or remove it"
        yield Finding("journal", "warn", f"a damaged journal is set aside in {name}", advice)


def check_claims(settings: Settings) -> Iterator[Finding]:
    """Whether the file of the folded claims is whole; nothing is said of one that is not there yet."""
    from headrace.admission import claims_rescue

    path = settings.data / "claims.db"
    if path.exists():
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as claims:
                trouble = claims_rescue.look_at(claims, thoroughly=True)
        except sqlite3.Error as error:
            trouble = str(error)
        if trouble:
            advice = "start the server: it sets the file aside and goes on with what can be read"
            mark_doubtful(path)
            yield Finding("claims", "fail", f"{path} is damaged: {trouble}", advice)
        else:
            yield Finding("claims", "ok", f"{size_text(path.stat().st_size)}")
    for name in set_aside(path):
        advice = "what could be read of it went on: test the disk, keep the file for a closer look or remove it"
        yield Finding("claims", "warn", f"damaged claims are set aside in {name}", advice)


def check_clock(settings: Settings, now_us: int) -> Iterator[Finding]:
    year = datetime.fromtimestamp(now_us / 1_000_000, UTC).year
    if year not in SANE_YEARS:
        yield Finding("clock", "fail", f"the clock says {year}", "set the clock; a time service keeps it right")
        return
    newest, where = max(_stamps(settings.data), default=(0, ""))
    if newest > now_us + AHEAD_US:
        text = f"the clock is {(newest - now_us) // 1_000_000:,} s behind {where}"
        yield Finding("clock", "warn", text, "set the clock; times between the two are recorded twice")
    else:
        yield Finding("clock", "ok", "in step with the folder")


def _stamps(data: Path) -> Iterator[tuple[int, str]]:
    """Times in the folder that the clock must have passed, µs, with their names."""
    for path in data.iterdir():
        try:
            yield path.stat().st_mtime_ns // 1000, f"the time of {path.name}"
        except OSError:
            continue  # gone meanwhile
    try:
        with closing(journal_schema.connect(data / "journal.db", readonly=True)) as journal:
            newest = journal.execute("SELECT max(at) FROM pages").fetchone()[0]
    except sqlite3.Error:
        return  # the journal's own check reports it
    if newest:
        yield newest, "the journal's last record"


def size_text(count: int) -> str:
    """``count`` bytes in the unit that reads best."""
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
