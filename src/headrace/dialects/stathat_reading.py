"""A StatHat request as it is read before its key is known: parameters, key, and the items of a JSON batch (contract 1.2, 1.4, 1.6).

Of a JSON body there are two readers: the fast one accepts or has no opinion (None), the exact one accepts the same and more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import NotJson
from headrace.dialects.stathat_answers import BAD_JSON, NO_STAT_KEY, TOO_MUCH, is_json, method_refused, refuse
from headrace.dialects.stathat_forms import Item, read_form, read_lenient_json

#: Items of a JSON body (1.4).
MAX_ITEMS = 5_000


class _FastItem(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    stat: str
    count: float | None = None
    value: float | None = None
    t: float | None = None


class _FastBatch(msgspec.Struct, forbid_unknown_fields=True):
    data: list[_FastItem]
    ezkey: str | None = None
    email: str | None = None


_decode_batch = msgspec.json.Decoder(_FastBatch).decode


class Reading(NamedTuple):
    """A request as read: its key (None: there is no place for one), its parameters and, for JSON, its items."""

    secret: str | None
    params: dict[str, str]
    items: list[Item] | None = None


def read_ez(inbound: Inbound) -> str | None:
    """The key of an EZ post. Raises ``Refusal`` for a body that cannot be read."""
    reading = inbound.reading = read_request(inbound)
    return reading.secret


def read_request(inbound: Inbound) -> Reading:
    """Key, parameters and items of an EZ post. Raises ``Refusal`` for a body that cannot be read, or with too many items."""
    as_json = is_json(inbound)
    params = _params(inbound, form=not as_json)
    secret = _key(params.get("ezkey"), params.get("email"))
    if not as_json:
        return Reading(secret, params)
    found, items = fast_batch(inbound.body) or _exact_batch(inbound)
    if len(items) > MAX_ITEMS:
        raise refuse(TOO_MUCH)
    return Reading(secret if found is None else found, params, items)


def _params(inbound: Inbound, *, form: bool) -> dict[str, str]:
    """Query and form together; the body wins (1.2)."""
    if inbound.method == "HEAD":  # it would store a point
        raise method_refused(inbound)
    query, body = inbound.query_bytes(), inbound.body if form else b""
    if not query:
        return read_form(body)
    return read_form(query) | read_form(body) if body else read_form(query)


def fast_batch(body: bytes) -> tuple[str | None, list[Item]] | None:
    """Key and items of a JSON body, or None when the exact reader has to look."""
    try:
        batch = _decode_batch(body)
    except (ValueError, RecursionError):
        return None
    items = [Item(item.stat, item.count, item.value, item.t) for item in batch.data]
    return _key(batch.ezkey, batch.email), items


def exact_batch(body: bytes) -> tuple[str | None, list[Item]]:
    """As :func:`fast_batch`, but raises ``NotJson``. An object without a list of items is one itself."""
    batch = read_lenient_json(body)
    if type(batch) is not dict:
        raise NotJson("not an object")
    items = batch.get("data")
    found = [item_of(one) for one in (items if type(items) is list else [batch])]
    return _key(batch.get("ezkey"), batch.get("email")), found


def _key(ezkey: Any, email: Any) -> str | None:
    """The key under either of its names; "" when it is there but empty."""
    if email is None and (ezkey is None or type(ezkey) is str):
        return ezkey
    texts = [text for text in (ezkey, email) if type(text) is str]
    return next((text for text in texts if text), texts[0] if texts else None)


def _exact_batch(inbound: Inbound) -> tuple[str | None, list[Item]]:
    try:
        return exact_batch(inbound.body)
    except NotJson:
        raise refuse(BAD_JSON) from None


def item_of(sent: Any) -> Item:
    """The item that an object of the batch, or the parameters of a form, describe."""
    return Item(*map(sent.get, Item._fields)) if type(sent) is dict else Item()


def read_classic(inbound: Inbound) -> str | None:
    """The user key of a classic post, which also has to name a stat."""
    params = _params(inbound, form=True)
    secret = params.get("ukey")
    inbound.reading = Reading(secret, params)
    if secret and not params.get("key", "").strip():
        raise refuse(NO_STAT_KEY)
    return secret
