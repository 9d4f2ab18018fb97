"""The points of the commit that is still open: those of small requests are written out together when it closes.

A commit carries some fifty requests of one point each. As one record a project they cost the loop a fourth less, and the loader
reads one record instead of fifty.
"""

from __future__ import annotations

from headrace.journal import Batch
from headrace.records.points import POINT_BYTES, POINT_RECORDS, ResolvedPoints, check_points, encode_points
from headrace.records.tables import POINTS

#: Requests with more points are written out at once: copying their columns would cost more than it saves.
TOGETHER_MAX = 32


class OpenPoints:
    """Used on the event loop's thread."""

    def __init__(self) -> None:
        self._batch: Batch | None = None
        #: By project.
        self._held: dict[int, ResolvedPoints] = {}

    def add(self, batch: Batch, project: int, points: ResolvedPoints) -> None:
        """Adds ``points`` to ``batch``, which is open. Raises ``BadRow`` when one does not fit its columns; then none is added."""
        count = len(points)
        if count > TOGETHER_MAX:
            _write(batch, project, points)
            return
        check_points(points)
        if batch is not self._batch:
            self._begin(batch)
        held = self._held.get(project)
        if held is None:
            held = self._held[project] = ResolvedPoints()
        held.extend(points.stats, points.times, points.values, points.flags)
        batch.promise(count, count * POINT_BYTES)

    def _begin(self, batch: Batch) -> None:
        held: dict[int, ResolvedPoints] = {}
        self._batch, self._held = batch, held

        def close() -> None:
            self._batch = None
            for project, points in held.items():
                batch.promise(-len(points), -len(points) * POINT_BYTES)
                _write(batch, project, points)

        batch.closing.append(close)


def _write(batch: Batch, project: int, points: ResolvedPoints) -> None:
    for year, (body, number) in encode_points(project, points).items():
        batch.add_rows(POINTS.name, year, body, number, POINT_RECORDS)
