"""A server whose catalog is a PostgreSQL database: everything is taken in, found and kept through a kill as with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ops_load import names_held, readiness, send_all
from wire import Client, bearer


def test_a_catalog_in_postgresql(server_class: Any, postgres: Any, tmp_path: Path) -> None:
    with postgres.new() as url:
        server = server_class(tmp_path / "data", env={"HEADRACE_CATALOG_URL": url})
        assert server.init()["project"]["number"] == 1
        server.start()
        try:
            client = Client(server, "first")
            send_all(client, "before")
            held = names_held(client)
            assert len(held) == 6
            assert set(held.values()) == {1}
            revoked = server.call("key.create", project=client.project, name="short-lived")
            assert client.call("GET", "/v1/stats", headers=bearer(revoked["key"])).status_code == 200
            server.call("key.revoke", id=revoked["id"])
            assert client.call("GET", "/v1/stats", headers=bearer(revoked["key"])).status_code == 401
            send_all(client, "waiting")
            server.kill()
            server.start()
            held = names_held(client)
            assert len(held) == 12
            assert set(held.values()) == {1}
            assert readiness(server) == (200, [], [])
            found = {line["check"]: line for line in server.cli("doctor", "--json")["checks"]}
            assert found["catalog"]["state"] == "ok"
            assert not (server.data / "catalog.db").exists()
            assert not (server.data / "backups").exists()
            assert server.stop() == 0
            assert "Traceback" not in server.log.read_text()
        finally:
            if server.process is not None:
                server.kill()
