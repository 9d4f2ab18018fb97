"""The settings struct, and the one table that names, parses and documents each field of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from headrace.settings.values import (
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
    catalog_copies: int
    store_memory_bytes: int
    derived_stats_max: int
    slowstats_events_max: int | None
    value_codec: Literal["zstd", "alp"]
    stathat_success: Literal["verbose", "modern", "auto"]
    stathat_errors: Literal["ok", "http"]
    stathat_silent_bad_key: Literal["no", "yes"]
    stathat_zero_count: Literal["zero", "one"]
    import_private: Literal["no", "yes"]
    uptime_private: Literal["no", "yes"]
    open_registration: Literal["no", "yes"]
    session_days: int
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
        "Identities remembered against repeats, 32 bytes each; beyond it the oldest are forgotten.",
        parse_whole(1000, 10**10, "a number of claims (1,000 or more)"),
    ),
    Setting(
        "catalog_copies",
        "days",
        "7",
        "Daily copies of a SQLite catalog that are kept in the folder `backups`; 0 makes none.",
        parse_whole(0, 3_650, "a number of days (0 to 3,650)"),
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
        "slowstats_events_max",
        "events",
        "",
        "Most events that one `get-events` of SlowStats gives; by default all.",
        parse_whole(1, 10**12, "a number of events (1 or more)"),
    ),
    Setting(
        "value_codec",
        "zstd, alp",
        "zstd",
        "How new point values are packed: `alp` is smaller for decimals and still experimental in the engine.",
        parse_choice("zstd", "alp"),
    ),
    Setting(
        "stathat_success",
        "verbose, modern, auto",
        "verbose",
        "What StatHat clients hear of a stored point: `verbose` 200 with a body, `modern` 204 unless they ask with `vb=1`,"
        " `auto` 204 only to those known to take it.",
        parse_choice("verbose", "modern", "auto"),
    ),
    Setting(
        "stathat_errors",
        "ok, http",
        "ok",
        "Status of StatHat's errors: `ok` 200 with the error in the body, as its clients know it; `http` 400, 403, 413, 415, 429.",
        parse_choice("ok", "http"),
    ),
    Setting(
        "stathat_silent_bad_key",
        "no, yes",
        "no",
        "`yes`: a StatHat post with an unknown key is answered like a stored one, as StatHat did, and lost.",
        parse_choice("no", "yes"),
    ),
    Setting(
        "stathat_zero_count",
        "zero, one",
        "zero",
        "What a StatHat `count=0` adds; StatHat is said to have added one.",
        parse_choice("zero", "one"),
    ),
    Setting(
        "import_private",
        "no, yes",
        "no",
        "`yes`: a StatHat import may fetch from private addresses, and without TLS. Whoever holds a key can then have the server ask"
        " machines in your network.",
        parse_choice("no", "yes"),
    ),
    Setting(
        "uptime_private",
        "no, yes",
        "no",
        "`yes`: uptime monitors may look at private addresses. Whoever may make monitors can then learn which machines in your network answer.",
        parse_choice("no", "yes"),
    ),
    Setting(
        "open_registration",
        "no, yes",
        "no",
        "`yes`: anybody who reaches the server may make an account with a project of its own, through SeeStack's `/api/auth/register`.",
        parse_choice("no", "yes"),
    ),
    Setting(
        "session_days",
        "days",
        "30",
        "How long a browser stays signed in without being used.",
        parse_whole(1, 400, "a number of days (1 to 400)"),
    ),
    Setting(
        "log_level",
        "debug, info, warning, error",
        "info",
        "Least weight that is logged.",
        parse_choice("debug", "info", "warning", "error"),
    ),
)
#: Settings that dialects ask for by name (``dialects.base.Inbound.option``).
DIALECT_OPTIONS = ("stathat_success", "stathat_errors", "stathat_silent_bad_key", "stathat_zero_count")
SETTINGS_BY_NAME = {setting.name: setting for setting in SETTINGS}


def settings_markdown() -> str:
    """The table of ``docs/settings.md``."""
    lines = ["| Setting | Variable | Flag | Unit | Default | Meaning |", "|---|---|---|---|---|---|"]
    for setting in SETTINGS:
        variable = f"`{setting.variable}`" + (f", `{setting.variable}_FILE`" if setting.secret else "")
        default = f"`{setting.default}`" if setting.default else "-"
        flag = f"`{setting.flag}`" if setting.flag else "-"
        lines.append(f"| `{setting.name}` | {variable} | {flag} | {setting.unit} | {default} | {setting.meaning} |")
    return "\n".join(lines) + "\n"
