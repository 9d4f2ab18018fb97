"""``headrace serve``."""

from __future__ import annotations

import ssl
from typing import Any

import click

from headrace.cli.errors import CliError
from headrace.cli.session import plain_errors
from headrace.settings import Settings, SettingsError, load_settings


@click.command()
@click.option("--host", metavar="ADDR", help="Address to listen on [127.0.0.1].")
@click.option("--port", metavar="PORT", help="Port to listen on [8787].")
@click.option("--data", metavar="DIR", help="Data folder, made on first use [HEADRACE_DATA; ./data].")
@click.option("--config", metavar="FILE", help="Settings file [HEADRACE_CONFIG; headrace.toml in the data folder].")
@click.option(
    "--listen", metavar="ADDR:PORT", multiple=True, help="Listen here, in place of --host and --port; repeatable."
)
@click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM. Port 80 stays plain.")
@click.option("--tls-key", metavar="FILE", help="The certificate's private key, PEM.")
def serve(**flags: Any) -> int:
    """Runs the server until SIGTERM or Ctrl-C.

    With no account yet, prints a link that sets the first one up. docs/settings.md lists all settings.
    """
    settings = load_settings(flags)
    check_certificate(settings)
    with plain_errors():
        from headrace.listeners import ListenError
        from headrace.server import serve as run

        try:
            return run(settings)
        except ListenError as error:
            raise CliError(str(error)) from None


def check_certificate(settings: Settings) -> None:
    """Raises :class:`SettingsError` unless certificate and key can be read and belong together."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    for name, path in (("tls_cert", settings.tls_cert), ("tls_key", settings.tls_key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsError(name, f"{path} cannot be read: {error.strerror}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert, settings.tls_key, password=_no_password
        )
    except (ssl.SSLError, ValueError):
        problem = f"{settings.tls_cert} and {settings.tls_key} are not a PEM certificate and its key without a password"
        raise SettingsError("tls_cert", problem) from None


def _no_password() -> str:
    return ""
