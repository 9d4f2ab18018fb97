"""Settings: one frozen struct, one table that names, parses and documents each of them.

A value comes from the first of: a flag, a ``HEADRACE_*`` variable, ``headrace.toml`` (``--config``, ``HEADRACE_CONFIG`` or the
one in the data folder), the default. An empty value counts as not given. Secrets can also be read from the file that
``HEADRACE_<NAME>_FILE`` (or ``<name>_file`` in the file) names. Whatever is wrong raises :class:`SettingsError` with one line.
"""

from headrace.settings.load import load_settings
from headrace.settings.table import DIALECT_OPTIONS, SETTINGS, Setting, Settings, settings_markdown
from headrace.settings.values import Listener, Network, SettingsError

__all__ = [
    "DIALECT_OPTIONS",
    "SETTINGS",
    "Listener",
    "Network",
    "Setting",
    "Settings",
    "SettingsError",
    "load_settings",
    "settings_markdown",
]
