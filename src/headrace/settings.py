"""Settings: one frozen struct, one table that names, parses and documents each of them.

A value comes from the first of: a flag, a ``HEADRACE_*`` variable, ``headrace.toml`` (``--config``, ``HEADRACE_CONFIG`` or the
one in the data folder), the default. An empty value counts as not given. Secrets can also be read from the file that
``HEADRACE_<NAME>_FILE`` (or ``<name>_file`` in the file) names. Whatever is wrong raises :class:`SettingsError` with one line.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from headrace.setting_values import (
    MIB,
    Listener,
    Network,
    Parse,
    parse_choice,
    parse_host,
    parse_listen,
    parse_networks,
    parse_path,
    parse_port,
    parse_prefix,
    parse_size,
    parse_token,
    parse_url,
    parse_whole,
)

PREFIX = "HEADRACE_"
CONFIG_NAME = "headrace.toml"

#: A name this close to a known one (difflib ratio) is taken for a misspelt setting and refused; other ``HEADRACE_*``
#: variables belong to somebody else (a shell's HEADRACE_KEY, what Kubernetes adds for a service of this name).
_TYPO = 0.8


class SettingsError(Exception):
    """A bad setting. The text is one line: where it stands, what is wrong, what would be right."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, checked. See ``SETTINGS`` for units and meaning. Secrets do not show in ``repr``."""

    data: Path
    host: str
    port: int
    listen: tuple[Listener, ...]
    tls_cert: Path | None
    tls_key: Path | None
    path_prefix: str
    proxies: tuple[Network, ...]
    unlimited_networks: tuple[Network, ...]
    metrics_token: str
    store_url: str
    catalog_url: str
    journal_max_bytes: int
    disk_min_free_bytes: int
    claims_max: int
    store_memory_bytes: int
    derived_stats_max: int
    value_codec: Literal["zstd", "alp"]
    log_level: Literal["debug", "info", "warning", "error"]

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What ``serve`` binds: ``listen``, or ``host`` and ``port`` when it is empty."""
        return self.listen or (Listener(self.host, self.port),)

    @property
    def base_url(self) -> str:
        """Where a browser on this machine reaches the server, without a trailing slash."""
        first = self.listeners[0]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(first.host, first.host)  # noqa: S104 - compared, not bound
        scheme = "https" if first.speaks_tls(certificate=self.tls_cert is not None) else "http"
        return f"{scheme}://{Listener(host, first.port)}{self.path_prefix}"

    def __repr__(self) -> str:
        hidden = {setting.name for setting in SETTINGS if setting.secret}
        shown = ((name, "…" if name in hidden else getattr(self, name)) for name in self.__struct_fields__)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown)})"


class Setting(NamedTuple):
    """One setting. ``default`` is given to ``parse`` like any other value ("" = the field's empty value); ``flag`` only where
    ``serve`` has one; ``secret``: may come from a file and is never shown.
    """

    name: str
    unit: str
    default: str
    meaning: str
    parse: Parse
    empty: Any = None
    flag: str = ""
    secret: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data", "folder", "data", "Where everything is kept; made on first use, mode 0700.", parse_path, flag="--data"
    ),
    Setting("host", "IP address", "127.0.0.1", "Address to listen on.", parse_host, flag="--host"),
    Setting("port", "port", "8787", "Port to listen on.", parse_port, flag="--port"),
    Setting(
        "listen",
        "list of ADDR:PORT",
        "",
        "All addresses to listen on, in place of `host` and `port`. With a certificate they speak TLS, port 80 excepted;"
        " `http://ADDR:PORT` and `https://ADDR:PORT` say it outright.",
        parse_listen,
        empty=(),
        flag="--listen",
    ),
    Setting(
        "tls_cert", "file", "", "Certificate chain, PEM; read again when it changes.", parse_path, flag="--tls-cert"
    ),
    Setting(
        "tls_key", "file", "", "The certificate's private key, PEM, without a password.", parse_path, flag="--tls-key"
    ),
    Setting(
        "path_prefix",
        "path",
        "",
        "Path in front of every other, for a proxy that shares a host.",
        parse_prefix,
        empty="",
    ),
    Setting(
        "proxies",
        "list of networks",
        "",
        "Peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; the client is the right-most hop outside them.",
        parse_networks,
        empty=(),
    ),
    Setting(
        "unlimited_networks",
        "list of networks",
        "127.0.0.0/8, ::1",
        "Client addresses that limits by address do not count; `none` counts everyone.",
        parse_networks,
    ),
    Setting(
        "metrics_token",
        "text",
        "",
        "What `/metrics` asks for as a bearer token; without it only loopback may read them.",
        parse_token,
        empty="",
        secret=True,
    ),
    Setting(
        "store_url",
        "URL",
        "",
        "The column store: `chdb:///folder` embedded (default: `store` in the data folder), `http(s)://…` a ClickHouse server.",
        parse_url("chdb", "http", "https"),
        secret=True,
    ),
    Setting(
        "catalog_url",
        "URL",
        "",
        "The catalog: `sqlite:///file` (default: `catalog.db` in the data folder) or `postgresql://…`.",
        parse_url("sqlite", "postgresql"),
        secret=True,
    ),
    Setting(
        "journal_max_bytes",
        "bytes",
        "2GiB",
        "Journal size above which ingest answers 503 until the store has caught up.",
        parse_size(MIB),
    ),
    Setting("disk_min_free_bytes", "bytes", "512MiB", "Free disk below which ingest answers 503.", parse_size(0)),
    Setting(
        "claims_max",
        "claims",
        "50000000",
        "Identities remembered against repeats, 28 bytes each; beyond it the oldest are forgotten.",
        parse_whole(1000, 10**10, "a number of claims (1,000 or more)"),
    ),
    Setting(
        "store_memory_bytes", "bytes", "2GiB", "Most memory that the embedded store may use.", parse_size(256 * MIB)
    ),
    Setting(
        "derived_stats_max",
        "stats a project",
        "100000",
        "Stats made from events; beyond it events are kept but make no new stats.",
        parse_whole(0, 10**8, "a number of stats (0 to 100,000,000)"),
    ),
    Setting(
        "value_codec",
        "zstd, alp",
        "zstd",
        "How new point values are packed: `alp` is smaller for decimals and still experimental in the engine.",
        parse_choice("zstd", "alp"),
    ),
    Setting(
        "log_level",
        "debug, info, warning, error",
        "info",
        "Least weight that is logged.",
        parse_choice("debug", "info", "warning", "error"),
    ),
)
SETTINGS_BY_NAME = {setting.name: setting for setting in SETTINGS}


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
    if "?" in str(data):
        raise SettingsError(given["data"].where, "a folder with ? in its name cannot be used")
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
    except FileNotFoundError:
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
        return path.read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise SettingsError(where, f"{path} cannot be read: {getattr(error, 'strerror', 'not text')}") from None


def _closest(name: str) -> str:
    return next(iter(difflib.get_close_matches(name, SETTINGS_BY_NAME, 1, _TYPO)), "")


def settings_markdown() -> str:
    """The table of ``docs/settings.md``."""
    lines = ["| Setting | Variable | Flag | Unit | Default | Meaning |", "|---|---|---|---|---|---|"]
    for setting in SETTINGS:
        variable = f"`{setting.variable}`" + (f", `{setting.variable}_FILE`" if setting.secret else "")
        default = f"`{setting.default}`" if setting.default else "–"
        flag = f"`{setting.flag}`" if setting.flag else "–"
        lines.append(f"| `{setting.name}` | {variable} | {flag} | {setting.unit} | {default} | {setting.meaning} |")
    return "\n".join(lines) + "\n"
