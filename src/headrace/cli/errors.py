"""What a command reports as its one line of error."""

from __future__ import annotations


class CliError(Exception):
    """A command that cannot be done. The text is one line that says what was wrong and what to do; exit code 1."""
