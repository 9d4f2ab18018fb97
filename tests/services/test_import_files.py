"""What is sent to be imported, as it is opened: archives that play tricks, sums that come back to the last bit, zeros that say nothing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headrace.api.compat.rendering import Point, csv_rows
from headrace.api.imports import files as module
from headrace.api.imports import uploads as uploading
from headrace.api.imports.files import BadFile, Files
from headrace.api.imports.flow_csv import make_reader, total_of
from headrace.api.imports.lines import read_rows
from headrace.api.imports.staging import settle, unite
from headrace.api.imports.uploads import FileTooLarge, NoRoom, Uploads
from headrace.api.services.stats import StatInfo

HOUR, DAY = 3_600, 86_400
HEADER = ["timestamp", "stat", "type", "value", "count", "min", "max"]
#: 2026-03-01T00:00:00Z, ms.
START = 1_772_323_200_000


def packed(entries: Mapping[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return content.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def encrypted() -> bytes:
    """An archive whose directory says that its file is."""
    content = bytearray(packed({"a.csv": b"x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(content: bytes, name: str = "sent.zip") -> dict[str, bytes]:
        path = tmp_path / "upload"
        path.write_bytes(content)
        found = {}
        with closing(Files(path, name)) as files:
            for entry in files.entries:
                with files.open(entry) as stream:
                    found[entry.name] = stream.read()
        return found

    return read


def test_files_by_name_without_what_systems_put_beside_them(read: Any) -> None:
    entries = {"b.csv": b"2", "a/.DS_Store": b"x", "__MACOSX/a.csv": b"x", "a/b.csv": b"1", "a/": b""}
    assert read(packed(entries)) == {"a/b.csv": b"1", "b.csv": b"2"}
    assert read(packed(entries, zipfile.ZIP_STORED)) == {"a/b.csv": b"1", "b.csv": b"2"}
    assert read(packed({})) == {}
    assert read(b"PK of a text", "a\nb.csv") == {"a?b.csv": b"PK of a text"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (packed({"../a.csv": b""}), "../a.csv: its path leads out of the archive"),
        (packed({"a/../../b.csv": b""}), "a/../../b.csv: its path leads out of the archive"),
        (packed({"/etc/passwd": b""}), "/etc/passwd: its path leads out of the archive"),
        (packed({"c:a.csv": b""}), "c:a.csv: its path leads out of the archive"),
        (packed({"a\\..\\b.csv": b""}), "a\\..\\b.csv: its path leads out of the archive"),
        (packed({link("a.csv"): b"/etc/passwd"}), "a.csv is a link"),
        (encrypted(), "a.csv is encrypted"),
        (packed({"a.csv": b"x"}, zipfile.ZIP_BZIP2), "a.csv: packed in a way that is not read here: use deflate"),
        (packed({"a.csv": b"x"}, zipfile.ZIP_LZMA), "a.csv: packed in a way that is not read here: use deflate"),
        (packed({"a.csv": b"x" * 99})[:-30], "the archive is damaged or not complete"),
        (b"PK\x03\x04", "the archive is damaged or not complete"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_archives_that_play_tricks(read: Any, content: bytes, text: str) -> None:
    with pytest.raises(BadFile) as error:
        read(content)
    assert str(error.value) == text


def test_an_archive_that_is_damaged_inside(read: Any) -> None:
    content = bytearray(packed({"a.csv": b"timestamp" * 99}, zipfile.ZIP_STORED))
    content[60] ^= 1
    with pytest.raises(BadFile, match="the archive is damaged here"):
        read(bytes(content))


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_limits_of_an_archive(read: Any, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    """What counts is what comes out, of all files together, and how much the directory takes."""
    entries = {f"{number}": b"0" * 1_000 for number in range(3)}
    directory = 3 * (46 + 1)
    for limit, at, text in (
        ("TEXT_MAX", 3_000, "the files are larger than 0 GiB together"),
        ("FILES_MAX", 3, "the archive has more than"),
        ("DIRECTORY_MAX", directory, "the archive has more than"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, at - more)
            if more <= 0:
                assert len(read(packed(entries))) == 3
            else:
                with pytest.raises(BadFile, match=text):
                    read(packed(entries))


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_how_much_may_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(uploading, "FILE_MAX", 100)
    uploads = Uploads(tmp_path, 0)
    uploads.begin("a")
    uploads.add("a", b"x" * 60)
    if more > 0:
        with pytest.raises(FileTooLarge):
            uploads.add("a", b"x" * (40 + more))
    else:
        uploads.add("a", b"x" * (40 + more))
    assert len(uploads.path("a").read_bytes()) == (60 if more > 0 else 100 + more)


def test_files_go_when_nobody_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads(tmp_path, 0)
    uploads.sweep(())  # there is no folder yet
    for upload in "abc":
        uploads.begin(upload)
    uploads.end("a")
    uploads.end("b")
    uploads.sweep({"a"})
    assert [uploads.path(upload).exists() for upload in "abc"] == [True, False, True]
    assert [uploads.is_coming(upload) for upload in "abc"] == [False, False, True]
    with pytest.raises(KeyError):
        uploads.add("a", b"x")
    uploads.drop("a")
    uploads.drop("a")
    monkeypatch.setattr(uploading, "IDLE_S", -1.0)
    uploads.sweep(())
    assert list((tmp_path / "imports").iterdir()) == []
    monkeypatch.setattr(uploading, "IDLE_S", 300.0)
    for upload in "efgh":
        uploads.begin(upload)
    with pytest.raises(NoRoom, match="too many files"):
        uploads.begin("i")
    uploads.drop("e")
    uploads.begin("i")
    full = Uploads(tmp_path, 1 << 62)
    full.begin("d")
    with pytest.raises(NoRoom):
        full.add("d", b"x")


# --- what comes back


@given(st.floats(-1e300, 1e300), st.integers(1, 2**53))
def test_a_mean_that_was_divided_is_divided_so_again(total: float, count: int) -> None:
    mean = total / count
    assume(mean == 0 or abs(mean) > 1e-300)
    assert total_of(mean, count) / count == mean


@given(
    st.text(min_size=1, max_size=20)
    .map(str.strip)
    .filter(lambda name: name and "~" not in name and "\x00" not in name),
    st.sampled_from(["counter", "value"]),
    st.lists(
        st.tuples(st.integers(0, 10**6), st.floats(-1e200, 1e200), st.integers(1, 10**6), st.floats(0, 1e100)),
        max_size=5,
    ),
)
def test_what_the_export_writes_is_read_as_it_was(
    name: str, kind: str, points: list[tuple[int, float, int, float]]
) -> None:
    """Names that look like formulas, hold quotes or line ends; numbers of any size."""
    info = StatInfo("0GhkR2mWxZ7", name, kind, "stat", *[None] * (len(StatInfo.__struct_fields__) - 4))
    written = [Point(START + at * 1000, value, n, value - more, value + more) for at, value, n, more in points]
    stream = io.BytesIO((",".join(HEADER) + "\r\n").encode() + csv_rows(written, info))
    rows = read_rows(stream)
    reader = make_reader(next(rows)[1], START * 2)  # type: ignore[arg-type]
    assert reader is not None
    found = [reader(cells) for _, cells in rows]  # type: ignore[arg-type]
    assert len(found) == len(written)
    for row, point in zip(found, written, strict=True):
        assert (row.name, row.type, row.ts, row.samples) == (name, kind, point.start, point.samples)
        if kind == "counter":
            assert row.value == point.value
        else:
            assert (row.min, row.max) == (point.min, point.max)


def test_headers() -> None:
    for header in (HEADER, HEADER[:4], [" Stat", "TYPE", "value ", "more", "timestamp"]):
        assert make_reader(header, START) is not None
    for missing in HEADER[:4]:
        assert make_reader([name for name in HEADER if name != missing], START) is None


# --- what is kept of a StatHat export

ZEROS = {0: 0.0, 10: 1.0, 20: 0.0, 30: 2.0, 40: 0.0, 50: 0.0, 60: 3.0, 70: 0.0}


def test_zeros_are_kept_where_they_stand_alone_between_two_numbers_of_a_value() -> None:
    assert settle("counter", {10: ZEROS}) == [(10, 1.0), (30, 2.0), (60, 3.0)]
    assert settle("value", {10: ZEROS}) == [(10, 1.0), (20, 0.0), (30, 2.0), (60, 3.0)]
    assert settle("value", {10: {}}) == settle("value", {}) == []


def test_the_finest_that_make_up_the_coarser_ones() -> None:
    hours = {hour * HOUR: float(hour % 5 == 1) for hour in range(240)}
    days = {day * DAY: sum(hours[hour * HOUR] for hour in range(day * 24, day * 24 + 24)) for day in range(10)}
    filled = {time: value for time, value in hours.items() if value}
    assert dict(settle("counter", {HOUR: hours, DAY: days})) == filled
    # A day that is not made up counts itself; so does one that lies before the hours begin.
    more = days | {DAY: 99.0, -5 * DAY: 7.0}
    kept = {time: value for time, value in filled.items() if not DAY <= time < 2 * DAY} | {DAY: 99.0, -5 * DAY: 7.0}
    assert dict(settle("counter", {HOUR: hours, DAY: more})) == kept
    # And one level above, once more.
    week = {-7 * DAY: 8.0, 0: 1_000.0}
    assert dict(settle("counter", {HOUR: hours, DAY: more, 7 * DAY: week})) == {
        -7 * DAY: 8.0,
        0: 1_000.0,
        **{time: value for time, value in kept.items() if time >= 7 * DAY},
    }


def test_of_two_windows_the_one_that_reaches_further_counts() -> None:
    older, newer = {0: 1.0, 10: 2.0, 20: 3.0}, {15: 9.0, 25: 0.0}
    for datasets in ([older, newer], [newer, older], [older, newer, {}, older]):
        assert unite(datasets, 10) == {0: 1.0, 15: 9.0, 25: 0.0}
    assert unite([{0: 1.0}, {0: 2.0}], 10) == {0: 2.0}
    assert unite([], 10) == {}
