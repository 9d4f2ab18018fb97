"""Alerts of the export tool's folder, which become alerts as ``/x/`` keeps them (stathat.md 1.9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from headrace.api.imports.files import BadFile
from headrace.api.imports.flow_csv import stat_name
from headrace.api.imports.hat_files import read_fields
from headrace.api.imports.keeping import Rooms
from headrace.api.imports.lines import BadRow
from headrace.api.services import ServiceError, alerts
from headrace.catalog import stats
from headrace.catalog.imports import ImportRow
from headrace.dialects.answers import Problem
from headrace.dialects.stathat_alerts import Alert, read_alert
from headrace.records.ids import stat_text

#: Alerts of one import.
LINES_MAX = 10_000
#: The tool leaves a number that is 0 empty.
_NUMBERS = ("threshold", "percentage")


class _Wanted(NamedTuple):
    place: str
    stat_id: str
    stat_name: str
    alert: Alert


class AlertRows:
    """Rows of ``alerts.csv``, taken while files are read and kept when the stats are there. ``dry`` keeps none."""

    def __init__(self, rooms: Rooms, row: ImportRow, *, dry: bool) -> None:
        self._rooms = rooms
        self._row = row
        self._dry = dry
        self._wanted: list[_Wanted] = []

    def take(self, place: str, header: Sequence[str], cells: Sequence[str]) -> None:
        """Raises :class:`BadRow`, :class:`BadFile`."""
        if len(self._wanted) >= LINES_MAX:
            raise BadFile(f"more than {LINES_MAX:,} alerts: the rest is left out")
        fields = read_fields(header, cells)
        name = stat_name(fields["stat_name"])
        sent = {field: text or ("0" if field in _NUMBERS else "") for field, text in fields.items()}
        try:
            alert = read_alert(urlencode(sent | {"stat_id": "any"}).encode(), b"")
        except Problem as problem:
            raise BadRow(str(problem)) from None
        self._wanted.append(_Wanted(place, fields.get("stat_id", ""), name, alert))

    def keep(self) -> Iterator[tuple[str, str]]:
        """Keeps those that are not there already; gives the lines that could not be: (file and line, why)."""
        if self._dry:
            return
        for wanted in self._wanted:
            if failure := self._keep(wanted):
                yield wanted.place, failure

    def _keep(self, wanted: _Wanted) -> str:
        """Why an alert cannot be kept, "" when it is."""
        project = self._row.project
        with self._rooms.catalog.write() as conn:
            row = stats.find(conn, project, "stat", wanted.stat_name, None)
            row = row or stats.by_origins(conn, project, [wanted.stat_id]).get(wanted.stat_id)
            if row is None:
                return "there is no stat of that name"
            alert = wanted.alert._replace(stat_id=stat_text(row.stat_id))
            try:
                alerts.bring(conn, project, alert, self._rooms.now())
            except ServiceError as error:
                return error.message
        return ""
