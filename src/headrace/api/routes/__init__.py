"""The handlers of our own API, one module a noun."""

from headrace.api.routes import annotations as notes
from headrace.api.routes import (
    dead_letters,
    deployments,
    imports,
    issues,
    keys,
    monitors,
    projects,
    rows,
    series,
    stats,
)

HANDLERS = (
    *projects.HANDLERS,
    *imports.HANDLERS,
    *keys.HANDLERS,
    *stats.HANDLERS,
    *series.HANDLERS,
    *rows.HANDLERS,
    *issues.HANDLERS,
    *notes.HANDLERS,
    *monitors.HANDLERS,
    *deployments.HANDLERS,
    *dead_letters.HANDLERS,
)
