"""``headrace import`` beside a server: what it prints, and what goes wrong as one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wire import Client

from headrace.cli.main import run
from headrace.records.times import iso_text

HEADER = "timestamp,stat,type,value,count,min,max\n"
GOOD = f"{iso_text(1_772_323_200_000_000)},hits,counter,1,1,,\n"
BAD_LINE = "the header has 7 cells, this row 1"


def test_a_file_a_folder_and_what_is_wrong_with_their_lines(
    server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Client(server, "imported by command")

    def command(*arguments: str, project: str = target.project) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["import", *arguments, "--project", project, "--data", str(server.data)])
        return code, *capsys.readouterr()

    folder = tmp_path / "saved"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("x")
    code, out, err = command(str(folder))
    assert (code, out) == (1, "")
    assert err.endswith("has 0 files of CSV or JSON: an import takes 1 to 50,000\n")
    good = folder / "deep" / "a.csv"
    good.write_text(HEADER + GOOD + "x\n")
    assert command(str(folder), "--dry-run") == (
        0,
        "Would import 1 stat, 1 point.\n",
        f"deep/a.csv, line 3: {BAD_LINE}\n",
    )
    assert target.api("/stats")["stats"] == []
    code, out, _ = command(str(good), "--json")
    done = json.loads(out)
    assert (code, done["status"], done["stats_done"], done["points_imported"]) == (0, "completed", 1, 1)
    assert done["failures"] == [{"name": "a.csv, line 3", "error": BAD_LINE}]
    assert [one["name"] for one in target.api("/stats")["stats"]] == ["hits"]
    (folder / "b.csv").write_text("a,b\n")
    code, out, err = command(str(folder / "b.csv"))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == (
        "headrace: the import has failed: b.csv: its first line is that of no export that is known here"
    )
    (folder / "c.zip").write_bytes(b"PK\x03\x04")
    assert command(str(folder / "c.zip")) == (1, "", "headrace: the archive is damaged or not complete\n")
    missing = folder / "missing"
    assert command(str(missing)) == (1, "", f"headrace: {missing}: No such file or directory\n")
    code, _, err = command(str(folder), project="missing")
    assert (code, "project" in err) == (1, True)
