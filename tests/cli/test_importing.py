"""``headrace import`` without a server: what it prints, and what goes wrong as one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace.records.times import iso_text

HEADER = "timestamp,stat,type,value,count,min,max\n"
GOOD = f"{iso_text(1_772_323_200_000_000)},hits,counter,1,1,,\n"


def test_a_file_a_folder_and_what_is_wrong_with_their_lines(
    headrace: Callable[..., Any], made: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("x")
    empty = headrace("import", str(folder))
    assert (empty.code, empty.out) == (1, "")
    assert empty.err.endswith("has 0 files of CSV or JSON: an import takes 1 to 50,000\n")
    (folder / "deep" / "a.csv").write_text(HEADER + GOOD + "x\n")
    done = headrace("import", str(folder), "--dry-run")
    assert (done.code, done.out) == (0, "Would import 1 stat, 1 point.\n")
    assert done.err == "deep/a.csv, line 3: the header has 7 cells, this row 1\n"
    done = headrace("import", str(folder / "deep" / "a.csv"), "--project", "first", "--json").json
    assert (done["status"], done["stats_done"], done["points_imported"]) == ("completed", 1, 1)
    assert done["failures"] == [{"name": "a.csv, line 3", "error": "the header has 7 cells, this row 1"}]
    assert [one["name"] for one in headrace("stats", "--json").json] == ["hits"]
    (folder / "b.csv").write_text("a,b\n")
    failed = headrace("import", str(folder / "b.csv"))
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.splitlines()[-1] == (
        "headrace: the import has failed: b.csv: its first line is that of no export that is known here"
    )
    (folder / "c.zip").write_bytes(b"PK\x03\x04")
    assert headrace("import", str(folder / "c.zip")).err == "headrace: the archive is damaged or not complete\n"
    missing = headrace("import", str(folder / "missing"))
    assert (missing.code, missing.err) == (1, f"headrace: {folder / 'missing'}: No such file or directory\n")
    assert "project" in headrace("import", str(folder), "--project", "missing").err
    assert list((data / "imports").iterdir()) == []
