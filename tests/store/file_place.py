"""Files that are imported into a project, for the tests of what becomes of them."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pages_place import US, Place

from headrace.api.imports.file_job import FileJob
from headrace.api.imports.keeping import Rooms
from headrace.api.imports.runner import Runner
from headrace.api.imports.uploads import Uploads
from headrace.api.services import imports as service
from headrace.catalog import imports, stats
from headrace.catalog.imports import ImportRow
from headrace.catalog.stats import StatRow
from headrace.records.times import iso_text
from headrace.store.points import StoredPoint, list_points

DAY = 86_400
#: The clock's day, and one that lies long before it; Unix seconds.
NOW = US // 1_000_000
START = NOW // DAY * DAY - 20 * DAY
HEADER = "timestamp,stat,type,value,count,min,max"


def flow(*rows: str) -> str:
    return "\r\n".join((HEADER, *rows, ""))


def row(at: int, name: str, kind: str, value: object, *more: object) -> str:
    cells = [iso_text(at * 1_000_000), name, kind, value, *more, *[""] * (3 - len(more))]
    return ",".join(str(cell) for cell in cells)


def tool(
    name: str, kind: str, points: Mapping[int, object], identity: str = "", timeframe: str = "1 year @ 1 day"
) -> str:
    marks = (("stat_id", identity), ("stat_name", name), ("stat_type", kind), ("timeframe", timeframe))
    rows = [f"{time},{iso_text(time * 1_000_000)},{value}" for time, value in points.items()]
    return "\n".join([*(f'"# {mark}: {text}"' for mark, text in marks), "timestamp,datetime,value", *rows, ""])


def saved(name: str, points: Mapping[int, object], timeframe: str = "1 year @ 1 day") -> str:
    rows = [{"time": time, "value": value} for time, value in points.items()]
    return json.dumps([{"name": name, "timeframe": timeframe, "points": rows}])


def packed(files: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


class Importing:
    """Files that come into ann's project."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.uploads = Uploads(folder, 0)
        self.most = 1_000
        self.waits = 0
        self.rooms = Rooms(place.context.catalog, lambda: place.store, self._make, place.context.now)

    def _make(self, project: int, wanted: Sequence[tuple[str, str]]) -> list[StatRow | None]:
        rows: list[StatRow | None] = []
        with self.place.context.catalog.write() as conn:
            for name, kind in wanted:
                found = stats.find(conn, project, "stat", name, None)
                if found is None and stats.count(conn, project) < self.most:
                    found = StatRow(random.getrandbits(62) + 1, project, "stat", name, kind, US)
                    stats.add_missing(conn, [found])
                rows.append(found)
        return rows

    def send(self, content: bytes | str | Mapping[str, str | bytes], name: str = "sent", **options: Any) -> str:
        """Puts an import in the queue; gives the id of its file."""
        sent = packed(content) if isinstance(content, Mapping) else content
        upload = self.place.context.new_id()
        self.uploads.begin(upload)
        self.uploads.add(upload, sent.encode() if isinstance(sent, str) else sent)
        service.queue_file(
            *(self.place.context, self.place.owner, self.uploads, upload),
            project=self.place.number,
            name=name,
            options=options,
        )
        return upload

    def run(self, content: bytes | str | Mapping[str, str | bytes], **options: Any) -> ImportRow:
        """Imports it to the end."""
        upload = self.send(content, **options)
        self.finish()
        assert not self.uploads.path(upload).exists()
        return self.row()

    def finish(self) -> None:
        """Runs what is in the queue as a command without a server does."""
        Runner(self.rooms, self.uploads, private=False).run(self.row().id)

    def job(self, wait: Any = lambda _: False) -> FileJob:
        return FileJob(self.rooms, self.row(), self.uploads.path(self.row().id), wait)

    def row(self) -> ImportRow:
        with self.place.context.catalog.read() as conn:
            found = imports.load(conn, self.place.number)
        assert found is not None
        return found

    def stats(self) -> list[Any]:
        with self.place.context.catalog.read() as conn:
            return stats.slice_of(conn, self.place.number, "stat", offset=0, limit=1_000)

    def held(self) -> dict[str, list[StoredPoint]]:
        """What our stats hold, by name."""
        place = self.place
        return {
            one.name: list_points(place.store, place.number, one.stat_id, 0, 4 * 10**12).points for one in self.stats()
        }

    def numbers(self) -> dict[str, dict[int, float]]:
        return {name: {point.ts // 1000: point.value for point in points} for name, points in self.held().items()}


def told(row: ImportRow) -> list[tuple[str, str]]:
    return [(failure["name"], failure["error"]) for failure in row.failures]
