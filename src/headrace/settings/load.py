"""Where values come from: flags, ``HEADRACE_*`` variables, ``headrace.toml``, defaults, in this order."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from headrace.settings.table import PREFIX, SETTINGS, SETTINGS_BY_NAME, Setting, Settings
from headrace.settings.values import SettingsError

CONFIG_NAME = "headrace.toml"

#: A name this close to a known one (difflib ratio) is taken for a misspelt setting and refused; other ``HEADRACE_*``
#: variables belong to somebody else (a shell's HEADRACE_KEY, what Kubernetes adds for a service of this name).
_TYPO = 0.8


class _Given(NamedTuple):
    """A raw value: where it stands (as error lines name it), the folder its paths start from, its source's rank."""

    value: Any
    where: str
    base: Path
    rank: int


_DEFAULT, _FILE, _ENVIRONMENT, _FLAG = range(4)


def load_settings(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from ``flags`` (keys as in ``SETTINGS``, and ``config``), the environment, the file and the defaults.

    Only values are checked, nothing is opened but the settings file and secret files. Raises :class:`SettingsError`.
    """
    flags = {name: value for name, value in (flags or {}).items() if value not in (None, "", ())}
    here = Path.cwd()
    given = {
        name: _Given(item.default, f"the default of {name}", here, _DEFAULT) for name, item in SETTINGS_BY_NAME.items()
    }
    above = _from_environment(environ, here) | {
        name: _Given(value, "--" + name.replace("_", "-"), here, _FLAG)
        for name, value in flags.items()
        if name != "config"
    }
    data = _value(SETTINGS_BY_NAME["data"], (given | above)["data"])
    config = flags.get("config") or environ.get(PREFIX + "CONFIG")
    given |= _from_file(Path(config) if config else data / CONFIG_NAME, named=bool(config)) | above
    values = {name: _value(setting, given[name]) for name, setting in SETTINGS_BY_NAME.items()}
    _settle(values, given)
    return Settings(**values)


def _value(setting: Setting, given: _Given) -> Any:
    if given.value == "":
        return setting.empty
    try:
        value = setting.parse(given.value)
    except ValueError as error:
        raise SettingsError(given.where, str(error)) from None
    return (given.base / value).resolve() if isinstance(value, Path) else value


def _settle(values: dict[str, Any], given: Mapping[str, _Given]) -> None:
    """What depends on more than one setting; fills the two defaults that lie in the data folder."""
    simple = max((given["host"], given["port"]), key=lambda item: item.rank)
    if values["listen"] and simple.rank == given["listen"].rank:
        raise SettingsError(simple.where, f"cannot stand beside {given['listen'].where}; give one of the two")
    if values["listen"] and simple.rank > given["listen"].rank:
        values["listen"] = ()
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if values[one] and not values[other]:
            raise SettingsError(given[one].where, f"needs {other} as well")
    if not values["tls_cert"] and any(listener.tls for listener in values["listen"]):
        raise SettingsError(given["listen"].where, "https:// needs tls_cert and tls_key")
    data = values["data"]
    if set(str(data)) & set("?#%"):
        raise SettingsError(given["data"].where, f"{data} cannot be used: ?, # and % have a meaning in database URLs")
    values["store_url"] = values["store_url"] or f"chdb://{data / 'store'}"
    values["catalog_url"] = values["catalog_url"] or f"sqlite:///{data / 'catalog.db'}"


def _from_environment(environ: Mapping[str, str], here: Path) -> dict[str, _Given]:
    known = {setting.variable: setting for setting in SETTINGS}
    files = {setting.variable + "_FILE": setting for setting in SETTINGS if setting.secret}
    found: dict[str, _Given] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or value == "" or variable == PREFIX + "CONFIG":
            continue
        if variable in known:
            found[known[variable].name] = _Given(value, variable, here, _ENVIRONMENT)
        elif variable in files and files[variable].variable not in environ:
            found[files[variable].name] = _Given(_secret(here / value, variable), variable, here, _ENVIRONMENT)
        elif variable in files:
            raise SettingsError(variable, f"cannot stand beside {files[variable].variable}; give one of the two")
        elif close := _closest(variable.removeprefix(PREFIX).lower()):
            raise SettingsError(variable, f"is no setting; did you mean {PREFIX}{close.upper()}?")
    return found


def _from_file(path: Path, *, named: bool) -> dict[str, _Given]:
    """The values of ``path``. ``named``: somebody asked for it, so it must be there, and it may say where the data is."""
    try:
        content = tomllib.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise SettingsError(str(path), "no such file") from None
        return {}
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # bad TOML, or not UTF-8
        raise SettingsError(str(path), f"is not TOML: {error}".splitlines()[0]) from None
    base, found = path.resolve().parent, {}
    for key, value in content.items():
        where, secret = f"{path}: {key}", SETTINGS_BY_NAME.get(key.removesuffix("_file"))
        if key in SETTINGS_BY_NAME and (named or key != "data"):
            found[key] = _Given(value, where, base, _FILE)
        elif key == "data":
            raise SettingsError(where, "the file in the data folder cannot move it; use --data or HEADRACE_DATA")
        elif not secret or not secret.secret:
            close = _closest(key)
            raise SettingsError(where, f"is no setting{f'; did you mean {close}?' if close else ''}")
        elif secret.name in content:
            raise SettingsError(where, f"cannot stand beside {secret.name}; give one of the two")
        else:
            found[secret.name] = _Given(_secret(base / str(value), where), where, base, _FILE)
    return found


def _secret(path: Path, where: str) -> str:
    try:
        secret = path.read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise SettingsError(where, f"{path} cannot be read: {getattr(error, 'strerror', 'not text')}") from None
    if not secret:
        raise SettingsError(where, f"{path} is empty")
    return secret


def _closest(name: str) -> str:
    return next(iter(difflib.get_close_matches(name, SETTINGS_BY_NAME, 1, _TYPO)), "")
