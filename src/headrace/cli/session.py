"""How a command reaches the rooms: through the running server when there is one, else by opening the folder itself."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec

from headrace.cli.control import Control, Request
from headrace.cli.errors import CliError
from headrace.settings import Settings, load_settings

Result = TypeVar("Result")


def folder_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """Adds ``--data`` and ``--config`` and passes the command ``settings`` in their place."""

    @click.option("--data", metavar="DIR", help="Data folder [HEADRACE_DATA; ./data].")
    @click.option("--config", metavar="FILE", help="Settings file [HEADRACE_CONFIG; headrace.toml in the data folder].")
    @functools.wraps(command)
    def with_settings(*args: Any, data: str | None, config: str | None, **options: Any) -> Result:
        return command(*args, settings=load_settings({"data": data, "config": config}), **options)

    return with_settings


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class Session:
    """One command's access to the rooms. ``live``: a server runs on the folder and answers."""

    def __init__(self, server: Control | None, house: Any) -> None:
        self._server = server
        self._house = house
        self.live = server is not None

    def call(self, op: str, **args: Any) -> Any:
        """The operation's result as plain data; None arguments are left out. Raises :class:`CliError`."""
        given = {name: value for name, value in args.items() if value is not None}
        try:
            msgspec.json.encode(given)
        except UnicodeEncodeError:
            raise CliError("the arguments are not valid UTF-8") from None
        if self._server is not None:
            return self._server.call(op, given)
        from headrace.cli.operations import run_operation

        reply = run_operation(self._house, Request(op, given))
        if reply.error is not msgspec.UNSET:
            raise CliError(reply.error.message)
        return reply.ok


@contextmanager
def session(settings: Settings, *, store: bool = False, create: bool = False) -> Iterator[Session]:
    """Opens a session. ``store``: rows are read, so that without a server the store is opened and the journal drained;
    ``create``: a folder that is missing is made. Raises :class:`CliError`.
    """
    server = Control.connect(settings.data)
    if server is not None:
        try:
            yield Session(server, None)
        finally:
            server.close()
        return
    if not create and not settings.data.is_dir():
        raise CliError(f"there is no data folder {settings.data}; name it with --data, or make it with `headrace init`")
    with plain_errors():
        from headrace.app import House

        house = House.open(settings, store=store)
        try:
            if store:
                house.drain()
            yield Session(None, house)
        finally:
            house.close()


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns what the rooms raise when they cannot be opened, each one line already, into :class:`CliError`."""
    from sqlalchemy.exc import SQLAlchemyError

    from headrace.catalog import CatalogError
    from headrace.journal.schema import JournalTooNew
    from headrace.store.errors import StoreError

    try:
        yield
    except (CatalogError, JournalTooNew, StoreError) as error:
        raise CliError(str(error)) from None
    except SQLAlchemyError as error:
        raise CliError(f"the catalog: {str(getattr(error, 'orig', None) or error).splitlines()[0]}") from None


def read_password(password: str | None) -> str:
    """The password given, or asked for twice on a terminal. Raises :class:`CliError` where nobody can be asked."""
    if password is not None:
        return password
    if not os.isatty(0):
        raise CliError("a password is needed: give --password")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
