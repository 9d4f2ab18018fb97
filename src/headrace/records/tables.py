"""The canonical tables: which columns a row has, in which order, and what each may hold.

One definition serves the encoder (`records.encode`), which checks every value against it before a row
is acknowledged, and the store (`headrace.store.schema`), which makes the ClickHouse tables from it.
The engine wraps integers and stores NaN, null and unreadable dates without a word, so nothing that a
column here would not accept may ever reach it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: A column's kind, named after the ClickHouse type it becomes.
#: ``text`` String · ``label`` LowCardinality(String) · ``uuid`` UUID · ``u8``/``u16``/``u32``/``u64`` ·
#: ``float`` Float64 · ``float?`` Nullable(Float64) · ``ms``/``us`` DateTime64(3|6) sent as integer ticks since
#: the epoch, UTC · ``labels`` Map(LowCardinality(String), String).
Kind = Literal["text", "label", "uuid", "u8", "u16", "u32", "u64", "float", "float?", "ms", "us", "labels"]

#: How a table is cut into partitions: by the year of ``ts`` or by the month of ``received_at``.
Partition = Literal["year", "month"]


class Column(NamedTuple):
    name: str
    kind: Kind


class Table(NamedTuple):
    """A canonical table. ``columns`` is the order of a row's values; ``batch`` is always last and is
    stamped by the encoder with the number of the journal segment that carries the row.
    """

    name: str
    partition: Partition
    sort_key: tuple[str, ...]
    columns: tuple[Column, ...]

    def position(self, column: str) -> int:
        """Position of ``column`` in a row; raises ``KeyError`` when there is none."""
        for place, candidate in enumerate(self.columns):
            if candidate.name == column:
                return place
        raise KeyError(column)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _columns(text: str) -> tuple[Column, ...]:
    return tuple(Column(*part.split(":")) for part in text.split())  # type: ignore[arg-type]


#: What all tables but ``points`` share: whose it is, when, where it came from, what it belongs to.
_COMMON = """
    project:u32 ts:us received_at:us ts_source:label ts_sent:label dialect:label id:uuid
    environment:label release:label service:label
    trace_id:text span_id:text parent_span_id:text request_id:text session_id:text user_id:text
"""

#: ``flags`` is a bit set, see ``PointFlag``.
POINTS = Table(
    "points",
    "year",
    ("project", "stat", "ts"),
    _columns("project:u32 stat:u64 ts:ms value:float flags:u8 batch:u64"),
)

#: Errors, logs, metrics, transactions, check-ins, business events, metric payloads. ``type`` is one of
#: ``EVENT_TYPES``; ``name`` is what people group by (exception class, metric, transaction, event or monitor
#: name); ``raw`` is the accepted event as JSON text after removals.
EVENTS = Table(
    "events",
    "month",
    ("project", "type", "ts", "id"),
    _columns(
        _COMMON
        + """type:label level:label name:text message:text fingerprint:text status:label
        duration_ms:float? value:float? labels:labels raw:text batch:u64"""
    ),
)

REQUESTS = Table(
    "requests",
    "month",
    ("project", "ts", "id"),
    _columns(
        _COMMON
        + """direction:label method:label host:label path:text status:u16 duration_ms:float
        request_size:u64 response_size:u64 is_slow:u8 fingerprint:text labels:labels raw:text batch:u64"""
    ),
)

SPANS = Table(
    "spans",
    "month",
    ("project", "ts", "id"),
    _columns(
        _COMMON
        + """ended_at:us name:text operation:label kind:label status:label duration_ms:float
        labels:labels raw:text batch:u64"""
    ),
)

#: What happened in a browser session, event by event. ``raw`` is the event with its inputs masked; sessions are read whole, so
#: they lie together.
REPLAYS = Table(
    "replays",
    "month",
    ("project", "session_id", "ts", "id"),
    _columns(_COMMON + "fingerprint:text event_type:label url:text raw:text batch:u64"),
)

#: Our own looks at pages: what they found is no record that somebody has sent. ``status`` is HTTP's, 0 where nothing answered.
UPTIME_CHECKS = Table(
    "uptime_checks",
    "month",
    ("project", "monitor", "ts"),
    _columns("project:u32 ts:us received_at:us monitor:uuid up:u8 status:u16 duration_ms:float reason:text batch:u64"),
)

TABLES: dict[str, Table] = {table.name: table for table in (POINTS, EVENTS, REQUESTS, SPANS, REPLAYS, UPTIME_CHECKS)}

EVENT_TYPES = ("error", "log", "metric", "transaction", "check_in", "event")


class PointFlag:
    """Bits of ``points.flags``."""

    BACKDATED = 1  #: the client sent a time of its own
    CLAMPED = 2  #: the sent time lay outside [2000-01-01, received + 5 min] and was replaced by receipt
