"""The store: ClickHouse, embedded (``chdb``) or a server behind ``http(s)://``, with one schema and one SQL.

``Store`` opens, inserts, looks and reads; ``series``, ``points`` and ``events`` hold the questions that people ask.
"""

from headrace.store.blocks import PointRecords
from headrace.store.client import Store, TableSize
from headrace.store.errors import BudgetExceeded, RowsRefused, StoreError, StoreUnavailable
from headrace.store.reader import DEFAULT, Budget, Result, Sql

__all__ = [
    "DEFAULT",
    "Budget",
    "BudgetExceeded",
    "PointRecords",
    "Result",
    "RowsRefused",
    "Sql",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "TableSize",
]
