"""The fields of SeeStack's bodies: read as upstream's framework reads them (contract 1.2), problems collected by path (1.9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import too_deep
from headrace.dialects.seestack_forms import (
    BLANK,
    INT_MAX,
    NOT_BLANK,
    Unreadable,
    integer,
    invalid,
    moment,
    read_object,
    spare_text,
    text,
    unreadable,
)
from headrace.records.ids import uuid7
from headrace.records.intents import Answer, Intent, Submission
from headrace.records.text import escapes_nul
from headrace.records.times import Happened, clamp

#: Fields of 64 bits (1.6, 1.7).
LONG_MAX = 2**63 - 1
#: Scalars of ``metadata`` or ``tags`` that can be filtered by, and the characters of one; the rest stays in ``raw``.
MAX_LABELS = 64
MAX_LABEL = 256
#: Records in one body of a list that upstream does not bound (replay events, spans, queries). Clients send 500 at most; more would
#: hold up everybody else's requests while they are written.
MAX_ITEMS = 10_000

#: Keys of ``metadata`` that stand in for fields that were not sent; they have columns of their own and mean one occurrence only.
LINKS = frozenset(["traceId", "spanId", "requestId", "userId"])
_NOT_LABELS = LINKS - {"userId"}

#: The JSON types of a text field that needs no look: a string, or null.
_PLAIN = frozenset([str, type(None)])

_decode = msgspec.json.Decoder().decode

Parse = Callable[[Inbound], Submission]


class Fields:
    """One JSON object of a body. Values of the wrong JSON type raise :class:`Unreadable` with their path; what a value may not be
    joins ``details``, one message a path. ``where`` is the object's own path, "" for the body.
    """

    __slots__ = ("_prefix", "details", "sent")

    def __init__(self, sent: dict[str, Any], where: str = "", details: dict[str, str] | None = None) -> None:
        self.sent = sent
        self.details: dict[str, str] = {} if details is None else details
        self._prefix = f"{where}." if where else ""

    def text(self, name: str) -> str:
        """A scalar as text, "" when it is absent or null."""
        value = self.sent.get(name)
        return value if type(value) is str else text(value, self._prefix + name)

    def plain(self, names: Sequence[str]) -> list[str] | None:
        """The fields ``names`` as texts, "" for what is absent or null; None when one of them is anything else than text. What
        :meth:`text` and :meth:`spare` would give, for a third of the cost.
        """
        values = list(map(self.sent.get, names))
        return [value or "" for value in values] if _PLAIN.issuperset(map(type, values)) else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value.strip(BLANK):
            self.details[self._prefix + name] = NOT_BLANK
        return value

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        """A value of ``allowed``, case and all; "" when it is absent or null."""
        value = self.text(name)
        if value not in allowed and self.sent.get(name) is not None:
            self.refuse(name, f'must match "{"|".join(allowed)}"')
        return value

    def integer(self, name: str, largest: int = INT_MAX) -> int:
        """An integer, fractions cut off; 0 when it is absent or null."""
        return integer(self.sent.get(name), self._prefix + name, largest)

    def spare(self, *names: str) -> str:
        """The first of ``names`` that is a filled scalar, as text: fields that can never be a reason to refuse."""
        for name in names:
            value = spare_text(self.sent.get(name))
            if value:
                return value
        return ""

    def inner(self, name: str) -> Fields:
        """The object ``name``, empty when it is absent or null."""
        value = self.sent.get(name)
        if value is not None and type(value) is not dict:
            raise Unreadable(self._prefix + name)
        return Fields(value or {}, self._prefix + name, self.details)

    def items(self, name: str, most: int = MAX_ITEMS) -> list[Fields]:
        """The objects of the list ``name``, which must hold 1 to ``most``; none are looked at when their number is wrong."""
        path = self._prefix + name
        value = self.sent.get(name)
        if value is not None and type(value) is not list:
            raise Unreadable(path)
        if not value or len(value) > most:
            self.details[path] = f"size must be between 0 and {most}" if value else "must not be empty"
            return []
        found = []
        for index, item in enumerate(value):
            if item is None:
                self.details[f"{path}[{index}]"] = "must not be null"
            elif type(item) is not dict:
                raise Unreadable(f"{path}[{index}]")
            else:
                found.append(Fields(item, f"{path}[{index}]", self.details))
        return found

    def refuse(self, name: str, problem: str) -> None:
        self.details.setdefault(self._prefix + name, problem)

    def check(self) -> None:
        """Raises the 422 if anything joined ``details``."""
        if self.details:
            raise invalid(self.details)


def reading(parse: Callable[[Inbound, Fields], Submission]) -> Parse:
    """A route's parser from one that takes the body's fields: 400 is answered here."""

    @wraps(parse)
    def run(inbound: Inbound) -> Submission:
        body = inbound.body
        sent = fast_object(body)
        try:
            return parse(inbound, Fields(read_object(body) if sent is None else sent))
        except Unreadable as error:
            raise unreadable(str(error)) from None

    return run


def fast_object(body: bytes) -> dict[str, Any] | None:
    """The body as :func:`read_object` reads it, at a fifth of its cost; None when only that one can tell."""
    try:
        value = _decode(body)
    except (ValueError, RecursionError):
        return None
    if type(value) is not dict or escapes_nul(body) or too_deep(body, value):
        return None
    return value


def labels_of(sent: Any) -> dict[str, str]:
    """The scalars of a free-form object as labels."""
    if type(sent) is not dict:
        return {}
    labels: dict[str, str] = {}
    for key, value in sent.items():
        label = value if type(value) is str else spare_text(value)
        if label and len(label) <= MAX_LABEL and len(key) <= MAX_LABEL and key not in _NOT_LABELS:
            labels[key] = label
            if len(labels) == MAX_LABELS:
                break
    return labels


def happened(sent: Any, received_us: int) -> Happened:
    """When a record with a numeric time took place; 0, nothing, and what is no number mean its receipt (rulings 1)."""
    if type(sent) is str:
        try:
            sent = integer(sent, "", LONG_MAX)
        except Unreadable:
            sent = None
    if type(sent) not in (int, float) or not sent:
        return clamp(None, received_us)
    return clamp(moment(sent), received_us, text(sent, ""))


def arrived(inbound: Inbound) -> dict[str, Any]:
    """The columns of a record that happens when it arrives."""
    received = inbound.received_us
    return {
        "project": inbound.project,
        "ts": received,
        "received_at": received,
        "ts_source": "received",
        "dialect": "seestack",
        "id": uuid7(received),
    }


def linked(metadata: Any) -> Fields | None:
    """Free-form ``metadata`` with ``LINKS`` in it; None for what has none, as most."""
    return None if type(metadata) is not dict or LINKS.isdisjoint(metadata) else Fields(metadata)


def submission(intents: Sequence[Intent], answer: Answer) -> Submission:
    """Intents that nothing can conflict with, and their answer."""
    return Submission(intents, lambda _: answer)
