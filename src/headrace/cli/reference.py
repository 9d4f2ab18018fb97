"""The command line's page, made from the commands themselves: ``python -m headrace.cli.reference > docs/cli.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from headrace.cli.main import cli

PAGE = """# Command line

Every command works beside a running server, through the socket in its data folder, and without one. Whoever may read the data
folder may do everything with it; a command needs no key.

All commands but `serve` take `--data DIR` (else `HEADRACE_DATA`, else `./data`), `--config FILE` (else `HEADRACE_CONFIG`, else
`headrace.toml` in the data folder) and `--json`: one line of JSON, with times as microseconds since the epoch. `tail --json`
prints one such line a row.

A command ends with 0 when it is done, with 1 when it could not be done (one line on stderr says why), with 2 for wrong usage.

"""
#: Options that the page explains once.
_SHARED = ("data", "config", "as_json")


def cli_markdown() -> str:
    """The text of ``docs/cli.md``: one section per command, in the order of the alphabet."""
    return PAGE + "\n".join(_section(name, command) for name, command in commands(cli, "headrace"))


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below ``group`` with its full name."""
    for name, command in sorted(group.commands.items()):
        full = f"{path} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, full)
        else:
            yield full, command


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    options = [one for one in command.params if isinstance(one, click.Option)]
    if name != "headrace serve":
        options = [one for one in options if one.name not in _SHARED]
    usage = [name, *(f"{one.opts[0]} {one.make_metavar(context)}" for one in options if one.required)]
    if any(not one.required for one in options):
        usage.append("[OPTIONS]")
    usage += [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
    lines = [f"## {name}", "", " ".join((command.help or "").split()), "", "```", " ".join(usage), "```", ""]
    if options:
        records = [one.get_help_record(context) or ("", "") for one in options]
        lines += ["| Option | Meaning |", "|---|---|"]
        lines += [f"| `{_cell(option)}` | {_cell(meaning)} |" for option, meaning in records]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.write(cli_markdown())
