"""The thread that runs imports, one after the other; those that a stop interrupts go on after the next start."""

from __future__ import annotations

import logging
import threading
import traceback

from sqlalchemy.exc import SQLAlchemyError

from headrace.api.imports.file_job import FileJob
from headrace.api.imports.files import BadFile
from headrace.api.imports.job import Job
from headrace.api.imports.keeping import Ended, Rooms
from headrace.api.imports.source import BadAddress, Source, SourceFailed, Stopped, read_address
from headrace.api.imports.uploads import Uploads
from headrace.catalog import imports, meta
from headrace.catalog.imports import ImportRow
from headrace.catalog.sealing import IMPORT_TOKENS, NotSealed, Seal
from headrace.store import StoreError

#: Seconds until an import that the store or the catalog would not take is tried again.
TROUBLE_S = 10.0
#: Seconds that a stop waits for the thread.
STOP_S = 5.0

#: Trouble with the catalog, the store or the journal that may be over in a while.
_PASSING = (SQLAlchemyError, StoreError, RuntimeError, OSError)

_log = logging.getLogger("headrace.imports")


class Runner:
    """``private``: addresses of one's own network will do; ``uploads``: where files are. States: idle → (``wake``) working → idle; ``stop`` from
    either.
    """

    def __init__(self, rooms: Rooms, uploads: Uploads, *, private: bool) -> None:
        self.private = private
        self._uploads = uploads
        self._rooms = rooms
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._source: Source | None = None
        #: The project whose import runs at this moment. What runs ends by itself, soon, once its project is no longer live.
        self.project: int | None = None
        self._thread = threading.Thread(target=self._work, name="imports", daemon=True)

    def start(self) -> None:
        """Begins with what an earlier process left."""
        self._asked.set()
        self._thread.start()

    def wake(self) -> None:
        """There is something to import. Any thread."""
        self._asked.set()

    def stop(self) -> None:
        """Leaves what is under way for the next start."""
        self._stopping.set()
        self._asked.set()
        source = self._source
        if source is not None:
            source.close()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._asked.wait()
            self._asked.clear()
            try:
                self._round()
            except Stopped:
                return
            except _PASSING as error:
                if self._stopping.is_set():
                    return
                _log.warning("an import has to wait: %s", (str(error) or type(error).__name__).splitlines()[0])
                self._stopping.wait(TROUBLE_S)
                self._asked.set()

    def run(self, wanted: str) -> None:
        """Runs the import of id ``wanted`` to its end on the caller's thread, for commands without a server; others wait for one. Raises what
        store and catalog raise.
        """
        for row in self._waiting():
            if row.id == wanted:
                self._run(row)
        self._waiting()

    def _round(self) -> None:
        """Runs what is open until nothing is."""
        while not self._stopping.is_set():
            rows = self._waiting()
            if not rows:
                return
            self._run(rows[0])

    def _waiting(self) -> list[ImportRow]:
        """What is open, the oldest first; files that are not of it are removed."""
        with self._rooms.catalog.read() as connection:
            rows = imports.waiting(connection)
        self._uploads.sweep({row.id for row in rows})
        return rows

    def _run(self, row: ImportRow) -> None:
        self.project = row.project
        try:
            if imports.file_of(row) is not None:
                FileJob(self._rooms, row, self._uploads.path(row.id), self._stopping.wait).run()
            else:
                self._fetch(row)
        except FileNotFoundError:
            self._end(row, "failed", "the file is no longer there: send it again")
        except (SourceFailed, BadFile) as error:
            self._end(row, "failed", str(error))
        except Ended:
            self._end(row, "cancelled", None)
        except (Stopped, *_PASSING):
            raise
        except Exception as error:  # a mistake of ours ends this import, not those behind it
            where = "".join(traceback.format_tb(error.__traceback__))  # the error's own words might hold the token
            _log.error("an import failed: %s\n%s", type(error).__name__, where)
            self._end(row, "failed", "internal error")
        finally:
            source, self._source = self._source, None
            if source is not None:
                source.close()
            self.project = None

    def _fetch(self, row: ImportRow) -> None:
        self._source = self._open(row)
        if self._stopping.is_set():  # the stop has not seen it: the first question ends the import
            self._source.close()
        Job(self._rooms, row, self._source).run()

    def _open(self, row: ImportRow) -> Source:
        with self._rooms.catalog.read() as connection:
            seal = Seal(meta.instance_secret(connection), IMPORT_TOKENS)
        try:
            place, token = read_address(row.base_url, private=self.private), seal.open(row.token)
        except (BadAddress, NotSealed) as error:
            raise SourceFailed(str(error)) from None
        return Source(place, token, private=self.private, wait=self._stopping.wait)

    def _end(self, row: ImportRow, status: str, error: str | None) -> None:
        with self._rooms.catalog.write() as connection:
            imports.step(
                connection,
                row,
                status=status,
                error=error,
                current_stat=None,
                token="",
                finished_at=self._rooms.now(),
            )
