"""Saved files of a StatHat export: the JSON of its list and data, and the folder that the open export tool writes (statflow.md 1.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import IO, NamedTuple

import msgspec

from headrace.api.imports import grain
from headrace.api.imports.files import BadFile
from headrace.api.imports.flow_csv import stat_name
from headrace.api.imports.grain import DAY_S, DOUBLE_MAX
from headrace.api.imports.lines import BadRow, read_number
from headrace.dialects.answers import Problem
from headrace.dialects.stathat_timeframes import UNIT_S, read_timeframe
from headrace.records.encode import MIN_MS

#: Bytes of a file of JSON, which is read as a whole; an answer of the export has at most 2 MiB.
JSON_MAX = 16 << 20
#: The first lines of the tool's data files.
MARK = "# stat_"
_MARKS = ("# stat_id: ", "# stat_name: ", "# stat_type: ", "# timeframe: ")
POINT_HEADER = ["timestamp", "datetime", "value"]

#: Seconds of the units of a timeframe in words.
_WORDS = {word: UNIT_S[word[0]] for word in ("minute", "hour", "day", "week", "year")} | {"month": UNIT_S["M"]}
_IN_WORDS = re.compile(r"\d{1,9} [a-z]+ @ (\d{1,9}) ([a-z]+?)s?", re.ASCII)
_MOMENT = re.compile(r"\d{1,12}", re.ASCII)
_PLACE = re.compile(r"\(byte (\d+)\)")
_TYPES = ("counter", "value")


class Listed(NamedTuple):
    """A stat that a list names; ``type`` None where it does not say."""

    id: str
    name: str
    type: str | None


class Saved(NamedTuple):
    """A saved dataset: numbers by Unix seconds, each of the ``width`` seconds that begin there; ``type`` None and ``id`` "" where the file
    does not say.
    """

    id: str
    name: str
    type: str | None
    width: int
    points: dict[int, float]


class _Point(msgspec.Struct, gc=False):
    time: int
    value: float


class _Dataset(msgspec.Struct, gc=False):
    name: str
    points: list[_Point]
    timeframe: str = ""


def is_list(header: Sequence[str]) -> bool:
    """Whether this is the first line of the tool's list of stats."""
    return {"id", "name", "type"} <= set(header)


def is_alerts(header: Sequence[str]) -> bool:
    """Whether this is the first line of the tool's list of alerts."""
    return {"stat_name", "kind", "time_window"} <= set(header)


def read_listed(header: Sequence[str], cells: Sequence[str]) -> Listed:
    """A row of the tool's list. Raises :class:`BadRow`."""
    fields = read_fields(header, cells)
    return Listed(fields["id"].strip(), stat_name(fields["name"]), _type(fields["type"]))


def read_fields(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """A row's cells by name. Raises :class:`BadRow`."""
    if len(cells) != len(header):
        raise BadRow(f"the header has {len(header)} cells, this row {len(cells)}")
    return dict(zip(header, cells, strict=True))


def _type(text: str) -> str | None:
    word = text.strip().lower()
    return word if word in _TYPES else None


# --- the tool's data


class DataFile:
    """A data file of the tool, fed row by row: its marks say whose numbers these are, whatever the file is called."""

    def __init__(self) -> None:
        self._marks = dict.fromkeys(_MARKS, "")
        self._points: dict[int, float] = {}
        self._headed = False

    def take(self, cells: Sequence[str], latest_s: int) -> None:
        """Raises :class:`BadRow`."""
        mark = next((one for one in _MARKS if cells[0].startswith(one.rstrip())), None)
        if mark is not None and not self._headed:
            # A writer that does not quote leaves the commas of a name as they are.
            self._marks[mark] = ",".join(cells).removeprefix(mark.rstrip()).strip()
        elif [cell.strip() for cell in cells] == POINT_HEADER and not self._headed:
            self._headed = True
        elif not self._headed:
            raise BadRow(f"the line {','.join(POINT_HEADER)} is missing above")
        else:
            fields = read_fields(POINT_HEADER, cells)
            self._points[read_moment(fields["timestamp"], latest_s)] = read_number(fields["value"], "value")

    def saved(self) -> Saved:
        """What the file holds. Raises :class:`BadRow`."""
        identity, name, kind, timeframe = (self._marks[one] for one in _MARKS)
        if not self._headed:
            raise BadRow(f"the line {','.join(POINT_HEADER)} is missing")
        return Saved(identity, stat_name(name), _type(kind), width_of(timeframe, self._points), self._points)


def read_moment(text: str, latest_s: int) -> int:
    """Unix seconds of a row. Raises :class:`BadRow`."""
    if not _MOMENT.fullmatch(text):
        raise BadRow("timestamp is not a whole number of Unix seconds")
    return _within(int(text), latest_s)


def _within(moment: int, latest_s: int) -> int:
    if not MIN_MS // 1000 <= moment <= latest_s:
        raise BadRow("timestamp lies before 2000 or in the future")
    return moment


def width_of(timeframe: str, points: Sequence[int] | dict[int, float]) -> int:
    """Seconds between the points of a dataset: as its timeframe says, in words or in StatHat's short form, else as they lie, else a day."""
    if (words := _IN_WORDS.fullmatch(timeframe)) and words[2] in _WORDS:
        width = int(words[1]) * _WORDS[words[2]]
    else:
        try:
            width = read_timeframe(timeframe).interval.seconds
        except Problem:
            times = sorted(points)
            width = min((after - before for before, after in pairwise(times)), default=DAY_S)
    return max(1, width)


# --- JSON


def read_json(stream: IO[bytes], latest_s: int) -> Iterator[Listed | Saved | BadRow]:
    """The stats and datasets of a saved answer, and what is wrong with those that are none. Raises :class:`BadFile`."""
    content = stream.read(JSON_MAX + 1)
    if len(content) > JSON_MAX:
        raise BadFile(f"a file of JSON has at most {JSON_MAX >> 20} MiB")
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        items = msgspec.json.decode(content if content[:1] == b"[" else b"[" + content + b"]", type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadFile(_where(content, error)) from None
    for number, item in enumerate(items, 1):
        try:
            yield _read_item(bytes(item), latest_s)
        except BadRow as error:
            yield BadRow(f"item {number:,}: {error}")


def _read_item(item: bytes, latest_s: int) -> Listed | Saved:
    try:
        dataset = msgspec.json.decode(item, type=_Dataset)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_stat(item)
    points: dict[int, float] = {}
    for point in dataset.points:
        if not -DOUBLE_MAX <= point.value <= DOUBLE_MAX:
            raise BadRow("a value is not a finite number")
        points[_within(point.time, latest_s)] = point.value
    return Saved("", stat_name(dataset.name), None, width_of(dataset.timeframe, points), points)


def _read_stat(item: bytes) -> Listed:
    try:
        found = msgspec.json.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRow("not valid JSON") from None
    if type(found) is dict and type(found.get("Error")) is str:
        raise BadRow("not what was asked for, but an error that the export answered")
    stat = grain.read_stat(found)
    if stat is None or "counter" not in found:
        raise BadRow("neither a stat of a list nor a dataset")
    return Listed(stat.id, stat_name(stat.name), stat.type)


def _where(content: bytes, error: Exception) -> str:
    found = _PLACE.search(str(error))
    line = content.count(b"\n", 0, int(found[1])) + 1 if found else 1
    return f"not valid JSON, line {line:,}"
