"""A real catalog in a temporary folder, the app over it, and a client that speaks to it without a network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import httpx

from headrace.api.app import create_api
from headrace.api.deps import HistogramReading, Readiness, Readings, Services
from headrace.api.services import Context
from headrace.catalog import Catalog
from headrace.catalog import keys as key_table
from headrace.dialects.registry import DIALECTS
from headrace.store.client import TableSize
from headrace.store.reader import Result
from headrace.web.site import make_site

NOW = 1_790_000_000_000_000


@dataclass
class FakeKeys:
    """The key table read from the catalog at every look-up, as admission's is after every change."""

    catalog: Catalog
    wait: int = 0
    fails: Exception | None = None

    def find(self, secret: str) -> Any:
        if self.fails:
            raise self.fails
        digest = sha256(secret.encode("utf-8", "surrogatepass")).digest()
        with self.catalog.read() as conn:
            return next((row for row in key_table.load_live(conn) if row.secret_sha256 == digest), None)

    def charge(self, key: Any) -> int:
        return self.wait


@dataclass
class FakeGauges:
    readings: Readings = Readings(  # noqa: RUF009 - an immutable tuple
        accepted={"statflow": 12, "logister": 3},
        refused={("statflow", "bad_key", 401): 2, ('a"b\\c\n', "rate", 429): 1},
        journal_rows=7,
        journal_bytes=1_024,
        journal_oldest_s=0.25,
        commit=HistogramReading((0.001, 0.01), (3, 2, 1), 0.042),
        loader_lag_s=0.5,
        rows={"points": 1_000, "events": 20},
        dead_letters=4,
        query=HistogramReading((0.05,), (9, 1), 0.6),
    )

    def read(self) -> Readings:
        return self.readings


@dataclass
class FakeReady:
    state: Readiness = Readiness()  # noqa: RUF009 - an immutable tuple

    def check(self) -> Readiness:
        return self.state


@dataclass
class FakeDoor:
    """Lets everybody try, unless told to make them wait."""

    wait: int = 0
    tried: list[str] = field(default_factory=list)

    def address(self, scope: Any) -> str:
        return scope["client"][0]

    def charge(self, scope: Any, email: str) -> int:
        self.tried.append(email)
        return self.wait


@dataclass
class FakeStore:
    """Answers every query with the same rows and remembers what was asked."""

    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    asked: list[tuple[int, Any]] = field(default_factory=list)
    fails: Exception | None = None

    def query(self, project: int, sql: Any, budget: Any = None) -> Result:
        if self.fails:
            raise self.fails
        self.asked.append((project, sql))
        return Result(self.columns, self.rows)

    def sizes(self) -> list[TableSize]:
        if self.fails:
            raise self.fails
        return [TableSize("points", 12_345, 67_890, 3)]

    def version(self) -> str:
        return "26.5"


@dataclass
class World:
    """Two accounts that must never see each other, with what they own."""

    services: Services
    ids: dict[str, str]
    secrets: dict[str, str]
    app: Any = None
    store: FakeStore = field(default_factory=FakeStore)
    replayed: list[tuple[Any, ...]] = field(default_factory=list)
    #: What was told that it has something to do.
    woken: list[str] = field(default_factory=list)
    peer: str = "127.0.0.1"

    @property
    def context(self) -> Context:
        return self.services.context

    @property
    def keys(self) -> Any:
        return self.services.keys

    @property
    def ready(self) -> Any:
        return self.services.ready

    def set_up(self, **changes: Any) -> None:
        """Builds the app anew with other services."""
        self.services = replace(self.services, **changes)
        self.app = create_api(self.services, DIALECTS, make_site(self.services.path_prefix))

    def call(self, method: str, path: str, key: str = "", **options: Any) -> httpx.Response:
        """One request; ``key`` names one of ``secrets``."""
        headers = dict(options.pop("headers", {}))
        if key:
            headers["authorization"] = f"Bearer {self.secrets[key]}"

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, client=(self.peer, 40_000), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://tele.test:8787") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(send())
