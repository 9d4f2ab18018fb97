"""The durable, ordered, bounded queue of encoded rows: a 2xx on an ingest path means that its page here is synced."""

from headrace.journal.batch import Batch, SavedAnswer, SavedStat
from headrace.journal.errors import JournalUnavailable
from headrace.journal.journal import Journal
from headrace.journal.reader import JournalReader, Page

__all__ = ["Batch", "Journal", "JournalReader", "JournalUnavailable", "Page", "SavedAnswer", "SavedStat"]
