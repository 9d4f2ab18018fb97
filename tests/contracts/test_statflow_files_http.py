"""StatFlow's imports of files, on real servers: by the command, beside a server and without one, and by the API (contract 1.9, vector 9)."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests
from wire import TIMEOUT_S, Client, bearer, settle, wait_for

#: 2026-03-01T00:00:00Z
START = 1_772_323_200
RESOLUTIONS = ("raw", "1h", "1d", "1w")


def filled(server: Any) -> Client:
    """A project with a counter and a value, some points in the same second."""
    source = Client(server, "source of files")
    items = [
        {"stat": stat, "type": kind, "value": value + place % 7, "timestamp": START + place * 1_700 + extra}
        for stat, kind, value in (("hits", "counter", 0.1), ('=load, "é"', "value", -2.5))
        for place in range(200)
        for extra in ((0, 0, 0.3) if place % 40 == 0 else (0,))
    ]
    answer = source.call("POST", "/v1/ingest/batch", json={"items": items})
    assert answer.status_code == 202, answer.text
    settle(server)
    return source


def export(client: Client, resolution: str) -> dict[str, str]:
    """The CSV of each stat by its name."""
    found = client.call("GET", "/v1/stats").json()["stats"]
    paths = {stat["name"]: f"/v1/stats/{stat['id']}/export?resolution={resolution}" for stat in found}
    return {name: client.call("GET", path).text for name, path in paths.items()}


def series(client: Client, resolution: str) -> dict[str, list[Any]]:
    """The export as numbers, which sums in another order may change in the last place."""
    return {
        name: [
            (*row[:3], *(pytest.approx(float(cell), rel=1e-12) if cell else None for cell in row[3:]))
            for row in list(csv.reader(io.StringIO(text)))[1:]
        ]
        for name, text in export(client, resolution).items()
    }


def written(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts.values()):
        (folder / f"{number}.csv").write_text(text, newline="")
    return folder


def finished(client: Client) -> dict[str, Any]:
    """Waits for the end of the import; gives it as our API tells of it, which StatFlow's status says too."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        (found,) = client.call("GET", f"/api/headrace/projects/{client.project}/imports").json()["imports"]
        if found["status"] not in ("queued", "running"):
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    told = client.call("GET", "/v1/import/stathat/status").json()
    assert {name: value for name, value in told.items() if not name.endswith("_at")} == {
        name: value for name, value in found.items() if name not in ("file", "dry_run") and not name.endswith("_at")
    }
    return found  # type: ignore[no-any-return]


def test_9_csv_round_trip(server: Any, own_server: Any, tmp_path: Path) -> None:
    """Points into an instance without a server by the command, hours by the API, days by the command beside its server."""
    source = filled(server)
    texts = {resolution: export(source, resolution) for resolution in RESOLUTIONS}
    files = written(tmp_path / "raw", texts["raw"])
    done = own_server.cli("import", str(files), "--json")
    assert (done["status"], done["stats_done"], done["failures"]) == ("completed", 2, [])
    assert done["points_imported"] == 420
    own_server.start()
    by_command = Client(own_server, "the other")
    by_command.project = next(one["id"] for one in own_server.call("project.list") if one["slug"] == "first")
    by_command.key = by_command.make_key(unlimited=True, scopes=["read", "write"])
    assert export(by_command, "raw") == texts["raw"]
    for resolution in RESOLUTIONS[1:]:
        assert series(by_command, resolution) == series(source, resolution)

    by_api = Client(own_server, "by api")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, text in enumerate(texts["1h"].values()):
            packed.writestr(f"{number}.csv", text)
    path = f"/api/headrace/projects/{by_api.project}/imports"
    for _ in range(2):
        answer = by_api.call("POST", path, params={"name": "hours.zip"}, data=archive.getvalue())
        assert (answer.status_code, answer.json()["file"]) == (202, "hours.zip"), answer.text
        done = finished(by_api)
        assert (done["status"], done["stats_done"], done["failures"]) == ("completed", 2, [])
    assert export(by_api, "raw") == export(by_api, "1h") == texts["1h"]
    for resolution in RESOLUTIONS[2:]:
        assert series(by_api, resolution) == series(source, resolution)

    beside = Client(own_server, "beside")
    days = written(tmp_path / "days", texts["1d"])
    own_server.cli("import", str(days), "--project", beside.project, "--json")
    assert export(beside, "raw") == export(beside, "1d") == texts["1d"]
    wait_for(lambda: not list((own_server.data / "imports").iterdir()), "the files of imports that have ended stay")


def test_who_may_send_a_file_and_what(server: Any) -> None:
    target = Client(server, "files")
    path = f"/api/headrace/projects/{target.project}/imports"
    assert target.call("GET", path).json() == {"imports": []}
    for scopes, method in ((["read"], "POST"), (["write"], "GET")):
        answer = target.call(method, path, headers=bearer(target.make_key(scopes=scopes)), data=b"x")
        assert answer.status_code == 403
    for query, status, text in (
        ({"since": "whenever"}, 400, "since must be ISO 8601"),
        ({"since": "-1h", "until": "-2h"}, 400, "since must be before until"),
        ({"dry_run": "perhaps"}, 400, ""),
    ):
        answer = target.call("POST", path, params=query, data=b"x")
        assert (answer.status_code, text in answer.json()["error"]["message"]) == (status, True)
    packed = target.call("POST", path, headers={**bearer(target.key), "Content-Encoding": "gzip"}, data=b"x")
    assert packed.status_code == 415
    answer = target.call("POST", path, data=b"PK\x03\x04")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    # More than a file may have is refused by what its sender says, without reading it.
    announced = {"Content-Length": str((512 << 20) + 1), **bearer(target.key)}
    refused = requests.Request("POST", server.url + path, headers=announced, data=b"").prepare()
    refused.headers["Content-Length"] = announced["Content-Length"]
    with requests.Session() as session:
        assert session.send(refused, timeout=TIMEOUT_S).status_code == 413
    assert target.call("GET", path).json() == {"imports": []}
