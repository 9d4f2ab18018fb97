"""Files to import as our API takes them in: what is refused leaves nothing behind."""

from __future__ import annotations

import pytest

from headrace.api.imports import uploads as uploading
from headrace.api.imports.uploads import Uploads
from headrace.api.services import imports

HEADER = b"timestamp,stat,type,value\n"


def path_of(world, who="ann") -> str:
    return f"/api/headrace/projects/{world.ids[f'{who}.shop']}/imports"


def left(tmp_path) -> list[str]:
    return [path.name for path in (tmp_path / "imports").glob("*")]


def test_a_file_waits_for_its_import(world, tmp_path):
    path = path_of(world)
    taken = world.call("POST", path + "?name=a%0Ab.csv&until=2026-03-01T00:00:00Z", "ann.write", content=HEADER)
    assert (taken.status_code, taken.json()["file"], taken.json()["status"]) == (202, "a?b.csv", "queued")
    assert world.woken == ["imports"]
    (upload,) = left(tmp_path)
    assert (tmp_path / "imports" / upload).read_bytes() == HEADER
    found = world.call("GET", path, "ann.read").json()["imports"]
    assert [(one["file"], one["dry_run"]) for one in found] == [("a?b.csv", False)]
    second = world.call("POST", path, "ann.write", content=HEADER)
    assert (second.status_code, second.json()["error"]["message"]) == (409, imports.UNDER_WAY)
    assert world.call("POST", path_of(world, "bob"), "bob.write", content=HEADER).status_code == 202
    assert len(left(tmp_path)) == 2


@pytest.mark.parametrize(("more", "status"), [(-1, 202), (0, 202), (1, 413)])
def test_the_largest_file(world, tmp_path, monkeypatch, more, status):
    monkeypatch.setattr(uploading, "FILE_MAX", 3 << 20)
    body = HEADER + b" " * ((3 << 20) - len(HEADER) + more)
    answer = world.call("POST", path_of(world), "ann.write", content=body)
    assert answer.status_code == status, answer.text
    assert len(left(tmp_path)) == (status == 202)


def test_no_room(world, tmp_path):
    full = Uploads(tmp_path, 1 << 62)
    world.set_up(uploads=full)
    answer = world.call("POST", path_of(world), "ann.write", content=HEADER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert left(tmp_path) == []
    world.set_up(uploads=Uploads(tmp_path, 0))
    for upload in "abcd":
        world.services.uploads.begin(upload)
    answer = world.call("POST", path_of(world), "ann.write", content=HEADER)
    assert answer.status_code == 503
    assert "too many files" in answer.json()["error"]["message"]
    assert sorted(left(tmp_path)) == ["a", "b", "c", "d"]
