"""A segment as the journal holds it, put together for the store and the catalog."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from headrace.journal import JournalReader, Page
from headrace.journal.schema import FACTS
from headrace.loader.draining import Piece
from headrace.loader.projections import facts_without

_log = logging.getLogger("headrace.loader")


class Segment(NamedTuple):
    """``at``: when its last page was written, µs."""

    number: int
    pieces: list[Piece]
    facts: list[bytes]
    at: int

    def without(self, projects: AbstractSet[int]) -> Segment:
        """The same segment with everything of ``projects`` dropped."""
        pieces = [piece.without(projects) for piece in self.pieces]
        return self._replace(pieces=pieces, facts=facts_without(projects, self.facts))


class _Gathering:
    """What the pages of one table and partition come to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.gaps: list[range] = []
        self.rows = 0
        self.form = 0
        self._place = 0

    def add(self, page: Page) -> None:
        self.bodies.append(page.body)
        self.rows += page.row_count
        self.form = page.form
        self._place += page.row_count

    def skip(self, rows: int) -> None:
        """A page that was set aside: the rows behind it keep their places, dead letters are known by them."""
        self.gaps.append(range(self._place, self._place + rows))
        self._place += rows


def read_segment(reader: JournalReader, number: int, quarantine: Callable[[int], None]) -> Segment:
    """``quarantine`` is told each page that is damaged. Raises ``sqlite3.Error``."""
    parts: dict[tuple[str, int], _Gathering] = {}
    facts: list[bytes] = []
    at = 0
    gone = reader.set_aside(number)
    for page in reader.pages(number):
        while gone and gone[0][0] < page.id:
            _, table, part, rows = gone.pop(0)
            parts.setdefault((table, part), _Gathering()).skip(rows)
        if not page.intact:
            _log.error("page %d of segment %d is damaged and set aside (%d rows)", page.id, number, page.row_count)
            quarantine(page.id)
            parts.setdefault((page.table, page.part), _Gathering()).skip(page.row_count)
            continue
        at = page.at
        if page.table == FACTS:
            facts += page.body.splitlines()
        else:
            parts.setdefault((page.table, page.part), _Gathering()).add(page)
    pieces = [
        Piece(number, *place, found.bodies, found.rows, found.form, found.gaps)
        for place, found in sorted(parts.items())
        if found.bodies
    ]
    return Segment(number, pieces, facts, at)
