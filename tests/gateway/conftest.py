from collections.abc import Iterator
from typing import Any

import pytest
import requests
from wire import Client, wait_for


@pytest.fixture(scope="session")
def full_server(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server whose disk is "full": it takes requests and can store nothing. It believes ``X-Forwarded-For``."""
    environment = {"HEADRACE_DISK_MIN_FREE_BYTES": "100000TiB", "HEADRACE_PROXIES": "127.0.0.0/8"}
    full = type(server)(tmp_path_factory.mktemp("full") / "data", env=environment)
    full.init()
    full.start(wait=False)

    def answers() -> bool:
        assert full.process.poll() is None, full.log.read_text()
        try:
            return requests.get(full.url + "/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    wait_for(answers, "the server does not answer")
    yield full
    assert full.stop() == 0, full.log.read_text()


@pytest.fixture(scope="session")
def full_client(full_server: Any) -> Client:
    return Client(full_server, "nothing is stored here")
