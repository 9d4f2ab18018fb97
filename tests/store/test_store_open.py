import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from store_rows import golden

from headrace.records.tables import TABLES
from headrace.store import Store, StoreUnavailable, schema
from headrace.store.connect import TemporaryFolder, endpoint, import_engine
from headrace.store.engine import BLOCK_SETTINGS, assert_block_settings
from headrace.store.migrations import MIGRATIONS, Migration, migrate


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda migration: migration.name)
def test_a_released_step_creates_what_it_always_created(migration: Migration) -> None:
    """When this fails after a release: freeze the step's text as it was, and add a step for the change."""
    assert ";\n\n".join(migration.statements) + ";\n" == golden(f"migration_{migration.number}")


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


class Ledger:
    """A database as far as migrations see it."""

    def __init__(self, done: list[int], columns: dict[str, tuple[str, ...]] | None = None) -> None:
        self.done = done
        self.executed: list[str] = []
        self.columns = columns or {
            name: table.names
            for table in TABLES.values()
            for name in (table.name, schema.probe_of(table.name), schema.entry_of(table.name))
        }

    def execute(self, sql: str) -> None:
        self.executed.append(sql)

    def fetch(self, sql: str) -> list[tuple[object, ...]]:
        if "FROM migrations" in sql:
            return [(number,) for number in self.done]
        return [(table, name) for table, names in self.columns.items() for name in names]


STEPS = (Migration(1, "one", ("first",)), Migration(2, "two", ("second", "third")))


@pytest.mark.parametrize(
    ("done", "expected"),
    [([], ["first", "1", "second", "third", "2"]), ([1], ["second", "third", "2"]), ([1, 2], [])],
    ids=["empty", "older", "current"],
)
def test_a_store_gets_the_steps_it_lacks_and_each_is_recorded_after_its_statements(
    done: list[int], expected: list[str]
) -> None:
    ledger = Ledger(done)
    migrate(ledger.execute, ledger.fetch, 1_700_000_000, STEPS)
    assert ledger.executed[0].startswith("CREATE TABLE IF NOT EXISTS migrations")
    seen = [
        sql.split()[4].strip(",") if sql.startswith("INSERT INTO migrations") else sql for sql in ledger.executed[1:]
    ]
    assert seen == expected


def test_a_store_of_a_newer_release_is_refused() -> None:
    ledger = Ledger([1, 2, 7])
    with pytest.raises(StoreUnavailable, match=r"newer Headrace \(schema 7, this one knows 2\)"):
        migrate(ledger.execute, ledger.fetch, 0, STEPS)
    assert len(ledger.executed) == 1


@pytest.mark.parametrize("name", ["events", "events_probe", "points_in"])
def test_a_table_with_other_columns_is_refused(name: str) -> None:
    ledger = Ledger([1, 2])
    ledger.columns[name] = ledger.columns[name][:-1]
    with pytest.raises(StoreUnavailable, match=f"table {name} does not have the columns"):
        migrate(ledger.execute, ledger.fetch, 0, STEPS)


def test_opening_again_applies_nothing_and_finds_the_rows(store: Store, folder: Path, put, project: int) -> None:
    put(project, [(5, 1_772_323_200_000, 1.5)])
    again = Store.open("chdb", folder=folder)
    try:
        assert again._fetch(
            "SELECT number, count(), toUnixTimestamp(any(applied_at)) FROM migrations GROUP BY number ORDER BY number"
        ) == [(migration.number, 1, 1_772_323_200) for migration in MIGRATIONS]
        assert again._fetch("SELECT count() FROM points WHERE project = {project:UInt32}", {"project": project}) == [
            (1,)
        ]
    finally:
        again.close()


def test_the_value_codec_is_a_setting_that_can_change_both_ways(store: Store, folder: Path, put, project: int) -> None:
    codecs = (
        "SELECT DISTINCT compression_codec FROM system.columns WHERE database = currentDatabase() "
        "AND (table = 'points' AND name = 'value' OR table IN ('points_1m', 'points_15m') AND name IN ('sum', 'min', 'max'))"
    )
    for codec, expected in (("alp", "CODEC(ALP, ZSTD(1))"), ("zstd", "CODEC(ZSTD(1))")):
        Store.open("chdb", folder=folder, value_codec=codec).close()
        assert store._fetch(codecs) == [(expected,)]
        put(project, [(5, 1_772_323_200_000, 1.25)])
    rows = store._fetch("SELECT value FROM points WHERE project = {project:UInt32}", {"project": project})
    assert rows == [(1.25,), (1.25,)]


def test_a_second_process_on_the_folder_is_refused_in_one_line(store: Store, folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from headrace.store import Store, StoreUnavailable\n"
        "try: Store.open('chdb', folder=Path(sys.argv[1]))\n"
        "except StoreUnavailable as error: print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.startswith(f"cannot open the store at chdb://{folder}/store: ")
    assert done.stdout.endswith("another process may hold it\n")
    assert done.stdout.count("\n") == 1


def test_versions_and_sizes(store: Store, put, project: int) -> None:
    put(project, [(5, 1_772_323_200_000, 1.5)])
    assert store.version()[0].isdigit()
    sizes = {size.table: size for size in store.sizes()}
    assert set(sizes) == {
        "points",
        "points_1m",
        "points_15m",
        "events",
        "requests",
        "spans",
        "replays",
        "uptime_checks",
        "slowstats_visitors",
        "history",
    }
    assert min(sizes["points"].rows, sizes["points"].bytes, sizes["points"].parts) > 0


@pytest.mark.parametrize(
    ("url", "shown", "options"),
    [
        ("chdb", "chdb:///data/store", {"interface": "chdb", "path": "/data/store"}),
        ("chdb:///elsewhere/here", "chdb:///elsewhere/here", {"path": "/elsewhere/here"}),
        (
            "http://ch.example",
            "http://ch.example:8123/headrace",
            {"interface": "http", "host": "ch.example", "port": 8123, "username": "default", "password": ""},
        ),
        (
            "https://me:p%40ss@ch.example:9440/metrics",
            "https://ch.example:9440/metrics",
            {"interface": "https", "port": 9440, "username": "me", "password": "p@ss", "query_retries": 0},
        ),
        ("https://ch.example/", "https://ch.example:8443/headrace", {"port": 8443, "autogenerate_session_id": False}),
    ],
)
def test_addresses(url: str, shown: str, options: dict[str, object]) -> None:
    place = endpoint(url, Path("/data"))
    assert place.shown == shown
    assert place.options | options == place.options
    assert (place.path is not None) == url.startswith("chdb")


def test_the_embedded_engine_is_told_its_memory() -> None:
    options = endpoint("chdb", Path("/data"), 123_456_789).options["chdb_options"]
    assert options == {"max_server_memory_usage": 123_456_789, "mark_cache_size": 134_217_728}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/data/store",
        "chdb://",
        "chdb:///",
        "chdb://memory",
        "chdb://host/path",
        "chdb:///data?x=1",
        "ftp://ch.example",
        "http://",
        "http://:secret@/x",
        "http://me:secret@ch.example:99999/",
        "http://me:secret@ch.example/?verify=0",
        "http://me:secret@ch.example/a%60b",
        "http://me:secret@ch.example/a/b",
    ],
)
def test_addresses_that_cannot_be_are_refused_without_the_password(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"^store address: ") as refused:
        endpoint(url, Path("/data"))
    assert "secret" not in str(refused.value)


def test_the_temporary_folder_is_swept_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/before")
    monkeypatch.setenv("TMPDIR", "/before-too")
    (tmp_path / "tmp" / "kept").mkdir(parents=True)
    (tmp_path / "tmp" / "left.raw").write_bytes(b"x")
    folder = TemporaryFolder(tmp_path)
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(tmp_path / "tmp"), str(tmp_path / "tmp"))
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["kept"]
    folder.restore()
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == ("/before", "/before-too")


def test_inserts_go_through_the_data_folder(store: Store, folder: Path) -> None:
    assert tempfile.gettempdir() == str(folder / "tmp")


def test_the_engine_is_imported_on_the_main_thread_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "chdb")
    failures: list[Exception] = []

    def import_there() -> None:
        try:
            import_engine()
        except StoreUnavailable as error:
            failures.append(error)

    thread = threading.Thread(target=import_there)
    thread.start()
    thread.join()
    assert [str(failure) for failure in failures] == ["the embedded store must be opened from the main thread first"]


def test_children_do_not_inherit_a_blocked_sigpipe(store: Store) -> None:
    assert signal.SIGPIPE not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


class Cutting:
    """An engine that cuts inserts into smaller blocks than it is told."""

    def query(self, sql: str) -> "Cutting":
        self.result_rows = [(name, str(value - 1)) for name, value in BLOCK_SETTINGS.items()]
        return self


def test_an_engine_that_would_cut_inserts_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match="does not keep the insert block settings"):
        assert_block_settings(Cutting())


def test_a_store_that_cannot_be_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    before = (tempfile.gettempdir(), os.environ.get("TMPDIR"))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"^cannot open the store at chdb://\S+: File exists$"):
            Store.open("chdb", folder=tmp_path)
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == before


def test_raw_points_are_merged_less_often_whatever_made_their_table(store: Store, folder: Path) -> None:
    held = "SELECT position(engine_full, 'merge_selector_base = 10') > 0 FROM system.tables WHERE name = 'points'"
    for _ in range(2):
        assert store._fetch(held) == [(1,)]
        store._client.command("ALTER TABLE points RESET SETTING merge_selector_base")
        assert store._fetch(held) == [(0,)]
        Store.open("chdb", folder=folder).close()
