"""An import from files (statflow.md 1.9): the CSV export, saved JSON of a StatHat export, and the folder of the open export tool.

Whatever interrupts it, it begins anew: what it has kept so far is replaced by the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import IO

from headrace.api.imports import hat_files
from headrace.api.imports.alert_rows import AlertRows
from headrace.api.imports.files import BadFile, Entry, Files, TooMuch
from headrace.api.imports.flow_csv import ReadRow, make_reader
from headrace.api.imports.flow_file import STATS_MAX, FlowFile, Place
from headrace.api.imports.grain import DAY_S, Stat
from headrace.api.imports.hat_files import DataFile, Listed
from headrace.api.imports.keeping import FAILURES_TOLD, TOLD, Keeping, Rooms
from headrace.api.imports.lines import BAD_MAX, BadRow, Rows
from headrace.api.imports.source import Stopped
from headrace.api.imports.staging import Staged, Staging, settle
from headrace.catalog import stats
from headrace.catalog.imports import ImportRow
from headrace.catalog.stats import StatRow
from headrace.records.times import FUTURE_US

#: Stats whose histories are kept in one go.
GROUP = 100
#: How long a breath is, seconds: requests come first.
BREATH_S = 0.002

#: Waits so many seconds; True: the server ends.
Wait = Callable[[float], bool]


class FileJob(Keeping):
    """Runs one import of the file at ``path``. Raises :class:`BadFile`, ``Stopped``, ``Ended``, and what store and catalog raise; it can be
    run again after any of these.
    """

    def __init__(self, rooms: Rooms, row: ImportRow, path: Path, wait: Wait) -> None:
        super().__init__(rooms, row)
        self._path = path
        self._wait = wait
        self._latest_ms = (rooms.now() + FUTURE_US) // 1000
        self._until = row.options.get("until", self._latest_ms // 1000 + 1)
        self._staging = Staging()
        self._alerts = AlertRows(rooms, row, dry=self._dry)
        #: Names of the stats in files of the CSV export: those that are done, and those that are refused.
        self._flow: set[str] = set()
        self._refused: set[str] = set()
        self._untold = 0
        self._found = False

    def run(self) -> None:
        """Reads the files by name, and keeps what they hold."""
        with closing(self._staging), closing(Files(self._path, self._row.options["file"])) as files:
            last = self._row.batch + len(files.entries) + 1
            # Of two files that tell of the same days the later one counts, and all count more than any import before.
            self._begin(last)
            for number, entry in enumerate(files.entries):
                self._entry(files, entry, last - len(files.entries) + number)
            self._histories()
        self._tell(self._alerts.keep())
        if not self._found:
            first = self._row.failures[0] if self._row.failures else None
            raise BadFile(f"{first['name']}: {first['error']}" if first else "there is nothing in it to import")
        self._finish(failures=self._all_failures())

    def _begin(self, batch: int) -> None:
        self._step(
            status="running",
            batch=batch,
            stats_total=0,
            stats_done=0,
            stats_failed=0,
            points_imported=0,
            failures=[],
        )

    # --- what is told

    def _tell(self, lines: Iterable[tuple[str, str]]) -> None:
        """Tells of places that could not be read: (file and line, why)."""
        left = iter(lines)
        told = list(islice(left, max(0, FAILURES_TOLD - len(self._row.failures))))
        self._untold += sum(1 for _ in left)
        if told:
            self._step(failures=[*self._row.failures, *({"name": name, "error": text} for name, text in told)])

    def _all_failures(self) -> list[dict[str, str]]:
        if not self._untold:
            return self._row.failures
        more = {"name": self._row.options["file"], "error": f"{self._untold:,} more lines that cannot be imported"}
        return [*self._row.failures, more]

    # --- files

    def _entry(self, files: Files, entry: Entry, batch: int) -> None:
        self._breathe()
        bad: list[tuple[str, str]] = []
        try:
            with files.open(entry) as stream:
                self._read(stream, entry.name, batch, bad)
        except TooMuch:
            raise
        except BadFile as error:
            bad.append((entry.name, str(error)))
        self._tell(bad)

    def _read(self, stream: IO[bytes], name: str, batch: int, bad: list[tuple[str, str]]) -> None:
        """Takes what a file holds; what is wrong with it goes into ``bad``."""
        head = stream.peek(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]  # type: ignore[attr-defined]
        if head in (b"[", b"{"):
            self._json(stream, name, bad)
            return
        rows = Rows(stream, name, bad, self._breathe)
        header = [cell.strip() for cell in next(rows, [])]
        if not header:
            if not bad:
                raise BadFile("the file is empty")
        elif header[0].startswith(hat_files.MARK):
            self._data_file(header, rows)
        elif (read := make_reader(header, self._latest_ms)) is not None:
            self._flow_file(rows, read, batch)
        elif hat_files.is_alerts(header):
            self._found = True
            for cells in rows:
                with rows:
                    self._alerts.take(rows.place, header, cells)
        elif hat_files.is_list(header):
            for cells in rows:
                with rows:
                    self._list(hat_files.read_listed(header, cells))
        else:
            raise BadFile("its first line is that of no export that is known here")

    def _flow_file(self, rows: Rows, read: ReadRow, batch: int) -> None:
        """A file of the CSV export."""
        place = Place(
            self._row.project,
            batch,
            self._since * 1000,
            self._until * 1000,
            None if self._dry else self._rooms.store(),
            self._own,
            self._refusal,
            lambda points: self._step(points_imported=self._row.points_imported + points),
        )
        file = FlowFile(place)
        for cells in rows:
            with rows:
                file.take(read(cells))
        for stat, row, last, failure in file.finish():
            self._found = True
            if failure:
                self._refused.add(stat.name)
                self._fail([(stat.name, failure)])
            else:
                self._flow.add(stat.name)
                if row is not None:
                    self._note(stat, row, last)
        self._step(stats_done=len(self._flow), stats_total=len(self._flow | self._refused))

    def _data_file(self, first: list[str], rows: Rows) -> None:
        """A data file of the tool, whose first row is ``first``."""
        data, latest = DataFile(), self._latest_ms // 1000
        with rows:
            data.take(first, latest)
        for cells in rows:
            with rows:
                data.take(cells, latest)
        with rows:
            self._stage(data.saved())

    def _json(self, stream: IO[bytes], name: str, bad: list[tuple[str, str]]) -> None:
        for item in hat_files.read_json(stream, self._latest_ms // 1000):
            if isinstance(item, BadRow):
                bad.append((name, str(item)))
                if len(bad) > BAD_MAX:
                    raise BadFile(f"more than {BAD_MAX:,} items that cannot be read: the rest is left out")
            elif isinstance(item, Listed):
                self._list(item)
            else:
                self._stage(item)

    def _list(self, stat: Listed) -> None:
        self._found = True
        self._staging.list(stat)

    def _stage(self, saved: hat_files.Saved) -> None:
        self._found = True
        self._staging.add(saved)

    def _breathe(self) -> None:
        if self._wait(BREATH_S):
            raise Stopped

    # --- what was gathered

    def _histories(self) -> None:
        total = len(self._flow | self._refused) + self._staging.count()
        if total > STATS_MAX:
            raise TooMuch(f"the files have more than {STATS_MAX:,} stats")
        self._step(stats_total=total)
        staged = self._staging.stats()
        while group := list(islice(staged, GROUP)):
            self._breathe()
            self._group(group)

    def _group(self, group: list[Staged]) -> None:
        wanted = [Stat(one.id, one.name, kind, 0) for one in group if (kind := one.type or self._own_type(one.name))]
        rows = {} if self._dry else self._own(wanted)
        typed = {stat.name: stat for stat in wanted}
        failures, done, points = [], 0, 0
        for one in group:
            stat = typed.get(one.name)
            failure = "its type is not known: import it together with the list of stats" if stat is None else ""
            if stat is None or (failure := self._refusal(stat, rows.get(one.name))):
                failures.append((one.name, failure))
                continue
            done, points = done + 1, points + self._history(stat, rows.get(one.name))
        self._fail(
            failures,
            current_stat=group[-1].name[:TOLD],
            stats_done=self._row.stats_done + done,
            points_imported=self._row.points_imported + points,
        )

    def _own_type(self, name: str) -> str | None:
        """The type of our stat of that name."""
        with self._rooms.catalog.read() as connection:
            row = stats.find(connection, self._row.project, "stat", name, None)
        return row.type if row else None

    def _history(self, stat: Stat, row: StatRow | None) -> int:
        """Keeps a stat's numbers in the days that its files tell of; gives how many."""
        layers = self._staging.layers(stat.name)
        kept = [(s * 1000, value) for s, value in settle(stat.type, layers) if self._since <= s < self._until]
        if row is None:
            return len(kept)
        times = [(min(points), max(points) + width) for width, points in layers.items() if points]
        first = min((one[0] for one in times), default=0) // DAY_S * DAY_S
        end = -(-max((one[1] for one in times), default=0) // DAY_S) * DAY_S
        self._keep(stat, row, kept, max(first, self._since), min(end, self._until))
        return len(kept)
