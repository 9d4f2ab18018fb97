"""What several tests of services ask."""

import pytest

from headrace.api.services import ServiceError
from headrace.catalog import stats as stat_rows
from headrace.catalog.stats import StatRow


def refused(code: str, call, *args, **kwargs) -> str:
    """The message with which ``call`` is refused, with that code."""
    with pytest.raises(ServiceError) as error:
        call(*args, **kwargs)
    assert error.value.code == code
    return error.value.message


def add_stats(house, rows: list[StatRow]) -> None:
    with house.context.catalog.write() as conn:
        stat_rows.add_missing(conn, rows)


def row(number: int, name: str, source: str = "stat", type_: str = "counter", project: int = 1) -> StatRow:
    return StatRow(number, project, source, name, type_, 7)
