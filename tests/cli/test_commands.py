"""Every command on a folder without a server."""

from __future__ import annotations

import os
import sqlite3
from hashlib import sha256

import click
import pytest
from cli_owner import EMAIL, PASSWORD

from headrace.cli.key import STYLES
from headrace.cli.lock import FolderBusy, FolderLock
from headrace.cli.main import cli, run
from headrace.cli.output import cell
from headrace.cli.times import moment_us


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name, command in group.commands.items():
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


ALL = commands(cli)
LEAVES = [(path, command) for path, command in ALL if not isinstance(command, click.Group)]


def test_the_commands_are_those_that_the_manual_names():
    assert {" ".join(path) for path, _ in LEAVES} == {
        "serve",
        "init",
        *(f"account {verb}" for verb in ("create", "list")),
        *(f"project {verb}" for verb in ("create", "list", "quota", "limits", "archive", "delete", "stathat")),
        *(f"key {verb}" for verb in ("create", "list", "revoke", "refusals")),
        *(f"monitor {verb}" for verb in ("create", "list")),
        *(f"uptime {verb}" for verb in ("create", "list", "delete")),
        "stat share",
        *("import", "stats", "events", "tail", "demo", "doctor"),
    }


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_has_help(path, command, capsys):
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: headrace {' '.join(path)}")
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in shown
            assert parameter.help, f"{path}: {parameter.opts[0]} says nothing"


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_takes_a_folder_and_prints_json(path, command):
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--data" in options
    assert "--json" in options or path == ("serve",)


def test_init_makes_owner_project_and_key_once(headrace, made):
    assert made["account"]["email"] == EMAIL
    assert made["account"]["role"] == "owner"
    assert made["project"]["name"] == "First"
    assert made["key"]["scopes"] == ["read", "write"]
    again = headrace("init", "--email", EMAIL, "--password", PASSWORD)
    assert (again.code, again.err) == (1, "headrace: this instance is set up already\n")


def test_init_tells_a_person_the_key(headrace):
    shown = headrace("init", "--email", EMAIL, "--password", PASSWORD)
    assert shown.code == 0
    assert "hr_" in shown.out


def test_the_folder_is_private(made, data):
    assert data.stat().st_mode & 0o777 == 0o700


def test_accounts(headrace):
    first = headrace("account", "create", "--email", EMAIL, "--password", PASSWORD, "--json").json
    second = headrace("account", "create", "--email", "b@example.test", "--password", PASSWORD, "--json").json
    assert (first["role"], second["role"]) == ("owner", "member")
    assert [row["email"] for row in headrace("account", "list", "--json").json] == [EMAIL, "b@example.test"]
    assert "b@example.test" in headrace("account", "list").out
    assert "password" not in headrace("account", "list", "--json").out


def test_a_password_cannot_be_asked_for_without_a_terminal(headrace, monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda _fd: False)
    ran = headrace("account", "create", "--email", EMAIL)
    assert (ran.code, ran.err) == (1, "headrace: a password is needed: give --password\n")


def test_projects(headrace, made):
    made = headrace("project", "create", "--name", "My Äpp", "--json").json
    assert (made["name"], made["slug"]) == ("My Äpp", "my-app")
    assert made["id"]
    for ref in ("My Äpp", "my-app", made["id"]):
        assert headrace("key", "create", "--project", ref, "--json").json["project_id"] == made["id"]
    assert headrace("project", "archive", "my-app", "--json").json["state"] == "archived"
    states = {row["slug"]: row["state"] for row in headrace("project", "list", "--json").json}
    assert states == {"first": "live", "my-app": "archived"}
    assert headrace("key", "create", "--project", "my-app").err == "headrace: project not found\n"


def test_deleting_a_project_asks_for_its_name(headrace, made, monkeypatch):
    refused = headrace("project", "delete", "first")
    assert (refused.code, "give --yes" in refused.err) == (1, True)
    monkeypatch.setattr(os, "isatty", lambda _fd: True)
    monkeypatch.setattr(click, "prompt", lambda _text: "First")
    refused = headrace("project", "delete", "first")
    assert (refused.code, "nothing was done" in refused.err) == (1, True)
    assert [row["state"] for row in headrace("project", "list", "--json").json] == ["live"]


def test_what_a_project_is_for(headrace, made):
    assert made["project"]["platform"] == "http_api"
    assert headrace("project", "create", "--name", "App", "--platform", "ios", "--json").json["platform"] == "ios"
    refused = headrace("project", "create", "--name", "App", "--platform", "palm")
    assert refused.code == 2
    assert "'palm' is not one of" in refused.err


def test_a_key_is_stored_as_asked_for(headrace, made, data):
    options = ("--scope", "read", "--scope", "manage", "--name", "ci", "--rate", "60", "--burst", "7", "--account-wide")
    key = headrace("key", "create", "--project", "First", *options, "--expires", "2100-01-01", "--json").json
    assert {"id", "key", "project_id", "scopes"} <= key.keys()
    assert key["scopes"] == ["manage", "read"]
    with sqlite3.connect(data / "catalog.db") as catalog:
        row = catalog.execute(
            "SELECT secret_sha256, reach, name, rate, burst, unlimited, expires_at FROM keys WHERE id = ?", (key["id"],)
        ).fetchone()
    catalog.close()
    assert row == (sha256(key["key"].encode()).digest(), "account", "ci", 60, 7, 0, 4_102_444_800_000_000)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_makes_a_key(headrace, made, style):
    key = headrace("key", "create", "--project", "First", "--style", style, "--json").json
    assert key["style"] == style
    assert key["scopes"] == (["write"] if style == "stathat" else ["read", "write"])


def test_a_brought_secret_is_kept_once(headrace, made):
    bring = ("key", "create", "--project", "First", "--secret", "sf_0123456789abcdef", "--no-rate-limit", "--json")
    assert headrace(*bring).json["key"] == "sf_0123456789abcdef"
    assert "belongs to a key of this instance already" in headrace(*bring).err


def test_keys_are_listed_without_their_secrets_and_revoked(headrace, made):
    key = made["key"]
    assert key["key"] not in headrace("key", "list", "--json").out
    assert headrace("key", "revoke", key["id"], "--json").json["state"] == "revoked"
    listed = headrace("key", "list", "--project", "First", "--json").json
    assert [(row["id"], row["state"], row["project"]) for row in listed] == [(key["id"], "revoked", "First")]
    assert headrace("key", "revoke", key["id"]).err == "headrace: key not found\n"


def test_refusals_name_the_key_and_the_reason(headrace, made, data):
    assert headrace("key", "refusals").out == "Nothing was refused.\n"
    with sqlite3.connect(data / "catalog.db") as catalog:
        catalog.execute("UPDATE keys SET refused = 3, refused_reason = 'body too large', refused_at = 1700000000000000")
    catalog.close()
    (row,) = headrace("key", "refusals", "--json").json
    assert (row["refused"], row["refused_reason"], row["project"]) == (3, "body too large", "First")
    assert "body too large  2023-11-14T22:13:20Z" in headrace("key", "refusals").out


def test_monitors(headrace, made):
    new = ("monitor", "create", "--project", "First", "--slug", "nightly", "--interval", "60")
    assert headrace(*new, "--json").json["interval_s"] == 60
    assert headrace(*new).err == "headrace: a monitor nightly exists already in production\n"
    assert [row["slug"] for row in headrace("monitor", "list", "--project", "First", "--json").json] == ["nightly"]
    assert "nightly" in headrace("monitor", "list", "--project", "first").out


WRONG = {
    "no-command": ([], 2, "Usage: headrace"),
    "unknown-command": (["frob"], 2, "headrace: No such command 'frob'"),
    "unknown-option": (["stats", "--colour"], 2, "headrace: No such option '--colour'"),
    "missing-option": (["key", "create"], 2, "headrace: Missing option '--project'"),
    "burst-alone": (["key", "create", "--project", "x", "--burst", "1"], 2, "headrace: --burst needs --rate"),
    "rate-and-none": (
        ["key", "create", "--project", "x", "--rate", "1", "--no-rate-limit"],
        *(2, "headrace: --no-rate-limit cannot stand beside --rate"),
    ),
    "rate-zero": (["key", "create", "--project", "x", "--rate", "0"], 2, "headrace: Invalid value for '--rate'"),
    "scope": (["key", "create", "--project", "x", "--scope", "all"], 2, "headrace: Invalid value for '--scope'"),
    "expires": (["key", "create", "--project", "x", "--expires", "soon"], 2, "'soon' is no time"),
    "no-folder": (["key", "list", "--data", "/nowhere/data"], 1, "headrace: there is no data folder /nowhere/data"),
    "bad-flag": (["serve", "--port", "99999"], 2, "headrace: --port: '99999' is not a port"),
    "bad-certificate": (
        ["serve", "--tls-cert", "/dev/null", "--tls-key", "/dev/null"],
        *(1, "headrace: tls_cert: /dev/null and /dev/null are not a PEM certificate"),
    ),
    "no-certificate": (
        ["serve", "--tls-cert", "/nowhere/c.pem", "--tls-key", "/dev/null"],
        *(1, "headrace: tls_cert: /nowhere/c.pem cannot be read: No such file"),
    ),
    "not-utf8": (["project", "create", "--name", "a\udcff"], 1, "headrace: the arguments are not valid UTF-8"),
}


@pytest.mark.parametrize(("arguments", "code", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_goes_wrong_is_one_line(arguments, code, line, made, data, monkeypatch, capsys):
    monkeypatch.setenv("HEADRACE_DATA", str(data))
    assert run(arguments) == code
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1 or not arguments


def test_a_bad_variable_ends_a_command_with_1(headrace, made, monkeypatch):
    monkeypatch.setenv("HEADRACE_PORT", "none")
    ran = headrace("key", "list")
    assert (ran.code, ran.err) == (1, "headrace: HEADRACE_PORT: 'none' is not a port (1 to 65535)\n")


def test_a_folder_in_use_is_refused_with_the_pid(headrace, made, data):
    held = FolderLock.take(data)
    try:
        ran = headrace("events")
        line = f"headrace: another Headrace process (pid {os.getpid()}) is using {data}\n"
        assert (ran.code, ran.err) == (1, line)
        with pytest.raises(FolderBusy):
            FolderLock.take(data)
    finally:
        held.release()
    FolderLock.take(data).release()


def test_a_newer_catalog_is_refused_in_one_line(headrace, made, data):
    with sqlite3.connect(data / "catalog.db") as catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '9999'")
    catalog.close()
    ran = headrace("key", "list")
    assert ran.code == 1
    assert ran.err.startswith("headrace: the catalog was written by a newer Headrace (schema 9999")
    assert ran.err.count("\n") == 1


NOW = 1_700_000_000_000_000
MOMENTS = {
    "2023-11-14": 1_699_920_000_000_000,
    "2023-11-14T22:13:20Z": NOW,
    "2023-11-14T23:13:20+01:00": NOW,
    "90m": NOW - 90 * 60 * 1_000_000,
    "2w": NOW - 14 * 86_400 * 1_000_000,
    "": None,
    "yesterday": None,
    "5": None,
    "1y": None,
    "2023-02-30": None,
}


@pytest.mark.parametrize(("text", "moment"), MOMENTS.items(), ids=[text or "empty" for text in MOMENTS])
def test_times_as_people_type_them(text, moment):
    assert moment_us(text, NOW, -1) == moment


CELLS = {
    "escape": ("a\x1b[2Jb", "text", "a [2Jb"),
    "newline": ("a\nb", "text", "a b"),
    "nothing": (None, "text", "-"),
    "empty": ("", "text", "-"),
    "zero": (0, "number", "0"),
    "float": (0.1 + 0.2, "number", "0.3"),
    "list": (["read", "write"], "text", "read, write"),
    "time": (NOW, "time", "2023-11-14T22:13:20Z"),
}


@pytest.mark.parametrize(("value", "kind", "shown"), CELLS.values(), ids=CELLS.keys())
def test_cells_are_one_line_of_printable_text(value, kind, shown):
    assert cell(value, kind) == shown
