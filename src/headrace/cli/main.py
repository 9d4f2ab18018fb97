"""The command ``headrace``."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from headrace import __version__
from headrace.cli import account, demo, doctor, importing, init, key, monitor, project, read, serve, stat, uptime
from headrace.cli.errors import CliError
from headrace.cli.lock import FolderBusy
from headrace.settings import SettingsError

EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="headrace", message="%(prog)s %(version)s")
def cli() -> None:
    """Headrace takes in telemetry over the HTTP dialects that programs already speak, and keeps it in one folder.

    Commands work beside a running server and without one. Settings come from flags, HEADRACE_* variables or headrace.toml.
    """


for command in (
    serve.serve,
    init.init,
    account.account,
    project.project,
    key.key,
    monitor.monitor,
    uptime.uptime,
    stat.stat,
    importing.import_,
    read.stats,
    read.events,
    read.tail,
    demo.demo,
    doctor.doctor,
):
    cli.add_command(command)


def main() -> NoReturn:
    """The installed command."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit code: 0 done, 1 could not be done (one line on stderr), 2 wrong usage."""
    try:
        result = cli.main(arguments, prog_name="headrace", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.UsageError as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        return _complain(error.format_message().rstrip(".") + hint, EXIT_USAGE)
    except click.ClickException as error:
        return _complain(error.format_message(), EXIT_ERROR)
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except SettingsError as error:
        return _complain(str(error), EXIT_USAGE if error.where.startswith("--") else EXIT_ERROR)
    except (CliError, FolderBusy) as error:
        return _complain(str(error), EXIT_ERROR)
    except OSError as error:
        return _complain(f"{error.filename or 'system'}: {error.strerror or error}", EXIT_ERROR)
    except sqlite3.Error as error:
        return _complain(f"the data folder's database does not open: {error}; run `headrace doctor`", EXIT_ERROR)
    return result if isinstance(result, int) else 0


def _complain(line: str, code: int) -> int:
    click.echo(f"headrace: {' '.join(line.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
