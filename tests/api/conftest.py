"""A real catalog in a temporary folder, the app over it, and a client that speaks to it without a network."""

from __future__ import annotations

import shutil

import pytest
from api_world import NOW, FakeDoor, FakeGauges, FakeKeys, FakeReady, World

from headrace.api.deps import Services
from headrace.api.imports.uploads import Uploads
from headrace.api.services import OPERATOR, Context, accounts, keys, projects
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.server_state import Holdings
from headrace.catalog import Catalog, sqlite_url


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """A catalog file with both accounts in it, with the ids and secrets; made once, copied for every test."""
    path = tmp_path_factory.mktemp("seeded") / "catalog.db"
    catalog = Catalog.open(sqlite_url(path))
    context = Context(catalog, now=lambda: NOW)
    ids, secrets = {}, {}
    for who in ("ann", "bob"):
        account = accounts.create(context, OPERATOR, email=f"{who}@example.org", password="correct horse battery")
        for place in ("shop", "site"):
            project = projects.create(context, OPERATOR, name=f"{who} {place}", account=account.id)
            ids[f"{who}.{place}"] = project.id
        for name, scopes, wide in (
            ("all", ("read", "write", "manage"), False),
            ("read", ("read",), False),
            ("write", ("write",), False),
            ("wide", ("read", "write", "manage"), True),
        ):
            spec = KeySpec(name=name, scopes=scopes, account_wide=wide)
            made = keys.create(context, OPERATOR, project=ids[f"{who}.shop"], spec=spec)
            ids[f"{who}.{name}"], secrets[f"{who}.{name}"] = made.id, made.key
    catalog.close()
    return path, ids, secrets


@pytest.fixture
def world(tmp_path, seeded):
    path, ids, secrets = seeded
    catalog = Catalog.open(sqlite_url(shutil.copy(path, tmp_path / "catalog.db")))
    services = Services(
        context=Context(catalog, now=lambda: NOW),
        keys=FakeKeys(catalog),
        append=lambda *call: built.replayed.append(call),
        store=lambda: built.store,
        gauges=FakeGauges(),
        ready=FakeReady(),
        door=FakeDoor(),
        holdings=Holdings(tmp_path, 1_000, 2_000, 3_000, 4_000, NOW),
        uploads=Uploads(tmp_path, 0),
        wake_imports=lambda: built.woken.append("imports"),
        metrics_token="metrics-secret",
    )
    built = World(services, dict(ids), dict(secrets))
    built.set_up()
    yield built
    catalog.close()
