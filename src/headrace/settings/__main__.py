"""Prints the settings' page: ``python -m headrace.settings > docs/settings.md``."""

import sys

from headrace.settings import settings_markdown

PAGE = """# Settings

Each setting comes from the first place that has it: a flag of `headrace serve`, a `HEADRACE_*` variable, the settings file, the
default. The file is TOML, named by `--config` or `HEADRACE_CONFIG`, otherwise `headrace.toml` in the data folder; its keys are
the names below. An empty value counts as not given. Paths in the file start from the file's folder. A setting that is wrong
stops the start with one line that says where it stands.

Secrets can be kept in files: `HEADRACE_METRICS_TOKEN_FILE=/run/secrets/token`, or `metrics_token_file` in the settings file.

Sizes are bytes, or whole numbers with `KiB`, `MiB`, `GiB` or `TiB`. Lists are TOML lists, or text with commas or spaces.

{table}"""

if __name__ == "__main__":
    sys.stdout.write(PAGE.format(table=settings_markdown()))
