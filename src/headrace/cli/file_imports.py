"""Operations that import a file: it comes in pieces, whichever user the command runs as."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from headrace.admission.keys import KeyTable
from headrace.api.imports.files import FILE_MAX
from headrace.api.imports.uploads import FileTooLarge, NoRoom
from headrace.api.services import OPERATOR, ServiceError, imports
from headrace.cli.reads import project_of

if TYPE_CHECKING:
    from headrace.app import House, OnLoop

#: Options of an import.
_OPTIONS = ("since", "until", "dry_run")


def open_upload(house: House, args: dict[str, Any]) -> dict[str, str]:
    """Makes room for a file that is imported into ``project``."""
    number = project_of(house, args.get("project")).number
    imports.check_free(house.context, OPERATOR, project=number)
    upload = house.context.new_id()
    try:
        house.uploads.begin(upload)
    except NoRoom as error:
        raise ServiceError("conflict", str(error)) from None
    return {"upload": upload}


def add_piece(house: House, args: dict[str, Any]) -> None:
    """Adds ``data``, base64, to the file ``upload``."""
    upload = str(args["upload"])
    try:
        house.uploads.add(upload, base64.b64decode(args["data"], validate=True))
    except (KeyError, binascii.Error):
        raise ServiceError("invalid", "this file is not on its way") from None
    except FileTooLarge:
        house.uploads.drop(upload)
        raise ServiceError("invalid", f"a file has at most {FILE_MAX >> 20} MiB") from None
    except NoRoom as error:
        house.uploads.drop(upload)
        raise ServiceError("invalid", str(error)) from None


def begin(house: House, args: dict[str, Any]) -> imports.ImportInfo:
    """Puts the file in the queue. A server goes on by itself; without one this returns when the import has ended."""
    number = project_of(house, args.get("project")).number
    upload = str(args["upload"])
    if not house.uploads.is_coming(upload):
        raise ServiceError("invalid", "this file is not on its way")
    options = {name: args[name] for name in _OPTIONS if name in args}
    info = imports.queue_file(
        house.context, OPERATOR, house.uploads, upload, project=number, name=str(args["name"]), options=options
    )
    if house.is_served:
        house.wake_imports()
        return info
    house.drain(lambda on_loop: _run(house, on_loop, upload))
    return imports.status(house.context, OPERATOR, project=number)


def status(house: House, args: dict[str, Any]) -> imports.ImportInfo:
    """Where the project's last import stands."""
    return imports.status(house.context, OPERATOR, project=project_of(house, args.get("project")).number)


def _run(house: House, on_loop: OnLoop, upload: str) -> None:
    from headrace.wiring import make_runner

    make_runner(house, KeyTable(house.catalog, house.clock), on_loop.loop).run(upload)
    house.loader.drain()
