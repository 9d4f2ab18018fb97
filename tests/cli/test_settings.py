"""Where settings come from, what each bad one says, and that each is documented."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from headrace.settings import SETTINGS, Listener, Settings, SettingsError, load_settings
from headrace.settings.__main__ import PAGE
from headrace.settings.table import settings_markdown

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ={})
    assert settings.data == tmp_path / "data"
    assert settings.store_url == f"chdb://{tmp_path}/data/store"
    assert settings.catalog_url == f"sqlite:///{tmp_path}/data/catalog.db"
    assert settings.listeners == (Listener("127.0.0.1", 8787),)
    assert settings.base_url == "http://127.0.0.1:8787"
    assert settings.unlimited_networks == (ip_network("127.0.0.0/8"), ip_network("::1"))
    assert (settings.proxies, settings.metrics_token, settings.path_prefix) == ((), "", "")
    assert (settings.claims_max, settings.derived_stats_max) == (50_000_000, 100_000)
    assert settings.journal_max_bytes == 2 << 30


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(tmp_path):
    (tmp_path / "headrace.toml").write_text('port = 3000\nhost = "127.0.0.3"\nlog_level = "debug"\n')
    environ = {"HEADRACE_PORT": "2000", "HEADRACE_HOST": "127.0.0.2"}
    settings = load_settings({"data": str(tmp_path), "port": "1000", "host": None}, environ)
    assert (settings.port, settings.host, settings.log_level, settings.claims_max) == (
        *(1000, "127.0.0.2", "debug"),
        50_000_000,
    )


def test_the_file_named_by_a_flag_beats_the_one_named_by_a_variable(tmp_path):
    (tmp_path / "one.toml").write_text("port = 1")
    (tmp_path / "two.toml").write_text('port = 2\ndata = "there"')
    environ = {"HEADRACE_CONFIG": str(tmp_path / "one.toml"), "HEADRACE_DATA": str(tmp_path)}
    assert load_settings({}, environ).port == 1
    settings = load_settings({"config": str(tmp_path / "two.toml")}, environ | {"HEADRACE_DATA": ""})
    assert (settings.port, settings.data) == (2, tmp_path / "there")


def test_relative_paths_start_from_the_file_or_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "h.toml").write_text('tls_cert = "cert.pem"')
    settings = load_settings({"config": "etc/h.toml"}, {"HEADRACE_TLS_KEY": "key.pem"})
    assert (settings.tls_cert, settings.tls_key) == (tmp_path / "etc" / "cert.pem", tmp_path / "key.pem")


def test_secrets_come_from_files_and_are_never_shown(tmp_path):
    (tmp_path / "token").write_text("s3cret-token\n")
    (tmp_path / "headrace.toml").write_text('catalog_url_file = "catalog"')
    (tmp_path / "catalog").write_text("postgresql://u:s3cret-password@db/headrace")
    settings = load_settings({"data": str(tmp_path)}, {"HEADRACE_METRICS_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.metrics_token == "s3cret-token"
    assert settings.catalog_url.endswith("s3cret-password@db/headrace")
    assert "s3cret" not in repr(settings)


GOOD = {
    "host-localhost": ({"host": "localhost"}, "host", "127.0.0.1"),
    "host-ipv6": ({"host": "[::1]"}, "host", "::1"),
    "port-low": ({"port": "1"}, "port", 1),
    "port-high": ({"port": "65535"}, "port", 65535),
    "listen-two": (
        {"listen": ("0.0.0.0:80", "[::]:8787")},
        "listen",
        (Listener("0.0.0.0", 80), Listener("::", 8787)),
    ),
    "prefix": ({"path_prefix": "/tele/metry/"}, "path_prefix", "/tele/metry"),
    "proxies": ({"proxies": "10.0.0.0/8 192.0.2.1"}, "proxies", (ip_network("10.0.0.0/8"), ip_network("192.0.2.1"))),
    "networks-none": ({"unlimited_networks": "none"}, "unlimited_networks", ()),
    "bytes-plain": ({"journal_max_bytes": "1048576"}, "journal_max_bytes", 1 << 20),
    "bytes-unit": ({"journal_max_bytes": "3 MiB"}, "journal_max_bytes", 3 << 20),
    "bytes-zero": ({"disk_min_free_bytes": "0"}, "disk_min_free_bytes", 0),
    "claims-least": ({"claims_max": "1_000"}, "claims_max", 1000),
    "codec": ({"value_codec": "alp"}, "value_codec", "alp"),
    "store-server": ({"store_url": "https://db.example/"}, "store_url", "https://db.example/"),
}


@pytest.mark.parametrize(("given", "name", "value"), GOOD.values(), ids=GOOD.keys())
def test_good_values(given, name, value):
    flags = {key: item for key, item in given.items() if isinstance(item, tuple)}
    environ = {f"HEADRACE_{key.upper()}": item for key, item in given.items() if key not in flags}
    assert getattr(load_settings(flags, environ), name) == value


BAD = {
    "host-name": ("HOST", "example.org", "'example.org' is not an IP address"),
    "port-zero": ("PORT", "0", "'0' is not a port (1 to 65535)"),
    "port-above": ("PORT", "65536", "'65536' is not a port"),
    "port-words": ("PORT", "tcp://10.0.0.1:8787", "is not a port"),
    "port-digits-of-another-script": ("PORT", "٨٧٨٧", "is not a port"),
    "listen-no-port": ("LISTEN", "127.0.0.1", "'127.0.0.1' is not ADDR:PORT"),
    "listen-bare-ipv6": ("LISTEN", "::1:80", "IPv6 as [::1]:8787"),
    "listen-scheme": ("LISTEN", "ftp://127.0.0.1:21", "is not ADDR:PORT, http://"),
    "listen-port": ("LISTEN", "127.0.0.1:70000", "is not a port"),
    "listen-twice": ("LISTEN", "127.0.0.1:80, 127.0.0.1:80", "names one address twice"),
    "listen-https-alone": ("LISTEN", "https://127.0.0.1:443", "https:// needs tls_cert and tls_key"),
    "cert-alone": ("TLS_CERT", "c.pem", "needs tls_key as well"),
    "key-alone": ("TLS_KEY", "k.pem", "needs tls_cert as well"),
    "prefix-relative": ("PATH_PREFIX", "headrace", "is not a path prefix"),
    "prefix-double": ("PATH_PREFIX", "/a//b", "is not a path prefix"),
    "proxies-name": ("PROXIES", "proxy.example", "is not an address or network"),
    "proxies-host-bits": ("PROXIES", "10.0.0.1/8", "without host bits"),
    "networks": ("UNLIMITED_NETWORKS", "10.0.0.0/33", "is not an address or network"),
    "token-space": ("METRICS_TOKEN", "a b", "visible ASCII"),
    "token-256": ("METRICS_TOKEN", "x" * 256, "1 to 255"),
    "store-scheme": ("STORE_URL", "mysql://x", "must begin with chdb:// or http:// or https://"),
    "catalog-scheme": ("CATALOG_URL", "data/catalog.db", "must begin with sqlite:// or postgresql://"),
    "journal-unit": ("JOURNAL_MAX_BYTES", "2GB", "is not a size"),
    "journal-below": ("JOURNAL_MAX_BYTES", "1048575", "is not a size from 1,048,576 bytes up"),
    "journal-float": ("JOURNAL_MAX_BYTES", "1.5GiB", "is not a size"),
    "free-negative": ("DISK_MIN_FREE_BYTES", "-1", "is not a size"),
    "claims-below": ("CLAIMS_MAX", "999", "is not a number of claims"),
    "memory-below": ("STORE_MEMORY_BYTES", "1MiB", "is not a size from"),
    "derived": ("DERIVED_STATS_MAX", "many", "is not a number of stats"),
    "codec": ("VALUE_CODEC", "gorilla", "'gorilla' is none of zstd, alp"),
    "log": ("LOG_LEVEL", "INFO", "'INFO' is none of debug, info"),
    "data-url-characters": ("DATA", "/tmp/a?b", "cannot be used"),
    "data-control-character": ("DATA", "/tmp/a\nb", "control characters"),
    "typo": ("METRIC_TOKEN", "x", "is no setting; did you mean HEADRACE_METRICS_TOKEN?"),
    "secret-file-missing": ("METRICS_TOKEN_FILE", "/nowhere/token", "/nowhere/token cannot be read: No such file"),
    "secret-file-empty": ("METRICS_TOKEN_FILE", "/dev/null", "/dev/null is empty"),
    "config-missing": ("CONFIG", "/nowhere/h.toml", "/nowhere/h.toml: no such file"),
}


@pytest.mark.parametrize(("name", "value", "line"), BAD.values(), ids=BAD.keys())
def test_a_bad_value_is_one_line_that_names_its_place(name, value, line):
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {f"HEADRACE_{name}": value})
    text = str(caught.value)
    assert line in text
    assert "\n" not in text
    assert text.startswith("/nowhere/h.toml:" if name == "CONFIG" else f"HEADRACE_{name}:")


BAD_FILES = {
    "not-toml": ("port = ", "headrace.toml: is not TOML"),
    "unknown": ("colour = 1", "headrace.toml: colour: is no setting"),
    "typo": ("log_levels = 'info'", "log_levels: is no setting; did you mean log_level?"),
    "data-in-the-data-folder": ("data = '/x'", "cannot move it"),
    "type": ("host = 5", "headrace.toml: host: must be text"),
    "bool": ("port = true", "'True' is not a port"),
    "list": ("proxies = 7", "must be a list"),
    "both": ("metrics_token = 'a'\nmetrics_token_file = 'b'", "cannot stand beside metrics_token"),
    "plain-file": ("port_file = 'x'", "port_file: is no setting"),
    "not-utf8": (b"port = '\xff'", "is not TOML"),
}


@pytest.mark.parametrize(("content", "line"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_one_line(tmp_path, content, line):
    (tmp_path / "headrace.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        load_settings({"data": str(tmp_path)}, {})
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_stands_in_one_place():
    with pytest.raises(SettingsError, match="METRICS_TOKEN_FILE: cannot stand beside HEADRACE_METRICS_TOKEN"):
        load_settings({}, {"HEADRACE_METRICS_TOKEN": "a", "HEADRACE_METRICS_TOKEN_FILE": "/b"})


def test_the_line_of_a_bad_secret_does_not_hold_it():
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"HEADRACE_STORE_URL": "mysql://root:s3cret@db"})
    assert "s3cret" not in str(caught.value)


def test_variables_of_others_are_left_alone():
    environ = {"HEADRACE_KEY": "hr_x", "HEADRACE_SERVICE_HOST": "10.0.0.1", "HEADRACE_PORT_8787_TCP": "tcp://10.0.0.1"}
    assert load_settings({}, environ).port == 8787


LISTENERS = {
    "flag-port-over-variable-listen": ({"port": "99"}, {"HEADRACE_LISTEN": "127.0.0.1:80"}, [99]),
    "flag-listen-over-variable-port": ({"listen": ("127.0.0.1:80",)}, {"HEADRACE_PORT": "99"}, [80]),
    "listen-over-default": ({"listen": ("127.0.0.1:80", "127.0.0.1:443")}, {}, [80, 443]),
}


@pytest.mark.parametrize(("flags", "environ", "ports"), LISTENERS.values(), ids=LISTENERS.keys())
def test_the_higher_source_decides_between_listen_and_port(flags, environ, ports):
    assert [listener.port for listener in load_settings(flags, environ).listeners] == ports


def test_listen_and_port_of_one_source_contradict_each_other():
    with pytest.raises(SettingsError, match="--port: cannot stand beside --listen"):
        load_settings({"port": "99", "listen": ("127.0.0.1:80",)}, {})


@pytest.mark.parametrize(
    ("text", "certificate", "tls"),
    [
        ("127.0.0.1:443", True, True),
        ("127.0.0.1:443", False, False),
        ("127.0.0.1:80", True, False),
        ("https://127.0.0.1:80", True, True),
        ("http://127.0.0.1:443", True, False),
    ],
)
def test_which_listeners_speak_tls(text, certificate, tls):
    pair = {"tls_cert": "c.pem", "tls_key": "k.pem"} if certificate else {}
    settings = load_settings({"listen": (text,), **pair}, {})
    assert settings.listeners[0].speaks_tls(certificate=certificate) is tls
    assert settings.base_url == f"{'https' if tls else 'http'}://{text.rpartition('/')[2]}"


def test_every_setting_is_in_the_table_and_on_the_page():
    assert [setting.name for setting in SETTINGS] == list(Settings.__struct_fields__)
    for setting in SETTINGS:
        assert setting.unit, setting.name
        assert setting.meaning.endswith("."), setting.name
    assert DOCS.read_text() == PAGE.format(table=settings_markdown())


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        load_settings({}, {}).port = 1
    assert msgspec.structs.replace(load_settings({}, {}), port=1).port == 1
