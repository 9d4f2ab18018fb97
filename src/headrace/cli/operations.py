"""What commands can ask of an opened house, the same with a server (over its control socket) and without one.

Each operation takes the house and its arguments and gives plain data. Whoever reaches the folder may do everything with it,
so all of them act as the operator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy.exc import DBAPIError

from headrace.api.services import OPERATOR, ServiceError, accounts, keys, monitors, projects, setup, stathat, uptime
from headrace.api.services.base import NAME_MAX
from headrace.api.services.key_specs import KeySpec
from headrace.cli import file_imports, reads
from headrace.cli.control import Failure, Reply, Request
from headrace.deletion import Deletions
from headrace.store.errors import StoreError

if TYPE_CHECKING:
    from headrace.app import House

Operation = Callable[["House", dict[str, Any]], Any]

_log = logging.getLogger("headrace.control")


def _init(house: House, args: dict[str, Any]) -> Any:
    return setup.init(house.context, **args)


def _account_create(house: House, args: dict[str, Any]) -> Any:
    return accounts.create(house.context, OPERATOR, **args)


def _account_list(house: House, _args: dict[str, Any]) -> Any:
    return accounts.list_all(house.context, OPERATOR)


def _project_create(house: House, args: dict[str, Any]) -> Any:
    return projects.create(house.context, OPERATOR, **args)


def _project_list(house: House, _args: dict[str, Any]) -> Any:
    return projects.list_all(house.context, OPERATOR, archived=True)


def _project_quota(house: House, args: dict[str, Any]) -> Any:
    return projects.set_quota(house.context, OPERATOR, args["project"], args.get("quota"))


def _project_limits(house: House, args: dict[str, Any]) -> Any:
    """Those limits that are named are set, also to None."""
    limits = {name: args[name] for name in projects.LIMITS_MAX if name in args}
    return projects.set_limits(house.context, OPERATOR, args["project"], limits)


def _project_archive(house: House, args: dict[str, Any]) -> Any:
    return projects.archive(house.context, OPERATOR, args["project"])


def _project_delete(house: House, args: dict[str, Any]) -> Any:
    """A server goes on by itself; without one this returns when nothing of the project is left."""
    deleted = projects.delete(house.context, OPERATOR, args["project"])
    if not house.is_served:
        house.drain(lambda on_loop: Deletions(house, on_loop).run())
    return deleted


def _project_stathat(house: House, args: dict[str, Any]) -> Any:
    return stathat.change(house.context, OPERATOR, **args)


def _key_create(house: House, args: dict[str, Any]) -> Any:
    project = args.pop("project")
    return keys.create(house.context, OPERATOR, project=project, spec=msgspec.convert(args, KeySpec))


def _key_list(house: House, args: dict[str, Any]) -> Any:
    return keys.list_all(house.context, OPERATOR, **args)


def _key_revoke(house: House, args: dict[str, Any]) -> Any:
    return keys.revoke(house.context, OPERATOR, args["id"])


def _key_refusals(house: House, args: dict[str, Any]) -> Any:
    return keys.refusals(house.context, OPERATOR, **args)


def _monitor_create(house: House, args: dict[str, Any]) -> Any:
    return monitors.create(house.context, OPERATOR, **args)


def _monitor_list(house: House, args: dict[str, Any]) -> Any:
    return monitors.list_all(house.context, OPERATOR, **args)


def _uptime_create(house: House, args: dict[str, Any]) -> Any:
    name = args.pop("name", None) or args["url"][:NAME_MAX]
    return uptime.create(house.context, OPERATOR, name=name, **args)


def _uptime_list(house: House, args: dict[str, Any]) -> Any:
    return uptime.page(house.context, house.store, OPERATOR, **args).monitors


def _uptime_delete(house: House, args: dict[str, Any]) -> Any:
    return uptime.delete(house.context, OPERATOR, args["id"], project=args["project"])


OPERATIONS: dict[str, Operation] = {
    "init": _init,
    "account.create": _account_create,
    "account.list": _account_list,
    "project.create": _project_create,
    "project.list": _project_list,
    "project.quota": _project_quota,
    "project.limits": _project_limits,
    "project.archive": _project_archive,
    "project.delete": _project_delete,
    "project.stathat": _project_stathat,
    "key.create": _key_create,
    "key.list": _key_list,
    "key.revoke": _key_revoke,
    "key.refusals": _key_refusals,
    "monitor.create": _monitor_create,
    "monitor.list": _monitor_list,
    "uptime.create": _uptime_create,
    "uptime.list": _uptime_list,
    "uptime.delete": _uptime_delete,
    "stat.share": reads.share_stat,
    "stats": reads.list_stats,
    "events": reads.list_events,
    "tail": reads.tail,
    "import.open": file_imports.open_upload,
    "import.add": file_imports.add_piece,
    "import.begin": file_imports.begin,
    "import.status": file_imports.status,
    "store.check": reads.check_store,
}


def run_operation(house: House, request: Request) -> Reply:
    """Runs ``request`` and gives its result, or its failure as one line; nothing is raised."""
    operation = OPERATIONS.get(request.op)
    if operation is None:
        return _failed("unknown_op", f"the server does not know {request.op!r}; is it of another release?")
    try:
        return Reply(ok=msgspec.to_builtins(operation(house, dict(request.args))))
    except ServiceError as error:
        return _failed(error.code, error.message)
    except StoreError as error:
        return _failed("unavailable", f"the store: {error}")
    except DBAPIError as error:
        return _failed("unavailable", f"the catalog: {str(error.orig).strip().partition(chr(10))[0]}")
    except msgspec.ValidationError as error:
        return _failed("invalid", f"{request.op}: {error}")
    except Exception as error:
        _log.exception("%s failed", request.op)
        return _failed("internal", f"{request.op} failed: {type(error).__name__}")


def _failed(code: str, message: str) -> Reply:
    return Reply(error=Failure(code, message))
