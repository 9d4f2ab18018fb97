"""The issues of a project: errors by what they have in common (``store.grouping``), the last seen first."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

import msgspec

from headrace.records.ids import ISSUES
from headrace.records.tables import EVENTS
from headrace.records.text import clean_text
from headrace.store.client import Store
from headrace.store.grouping import GROUPED
from headrace.store.reader import DEFAULT, Budget, Sql

Status = Literal["unresolved", "resolved", "ignored", "archived"]
#: Of which error an issue takes its level and environment: its first (SeeStack) or its latest (Logister).
Side = Literal["first", "latest"]

_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")
_SHOWN: Final = (
    "lower(hex(key)) AS fingerprint, occurrences, toUnixTimestamp64Micro(first_ts) AS first_seen, "
    "toUnixTimestamp64Micro(last_ts) AS last_seen, toUnixTimestamp64Micro(proof_ts) AS proof, "
    "toString(first_id) AS first, toString(latest_id) AS latest"
)


class Found(NamedTuple):
    """An issue as its errors tell. Times in µs; ``first`` and ``latest`` are ids of events. Errors newer than a closure are there when it
    happened before ``proof``.
    """

    fingerprint: str
    occurrences: int
    first_seen: int
    last_seen: int
    proof: int
    first: str
    latest: str


class Closed(msgspec.Struct, frozen=True):
    """What people have closed, by fingerprint. ``resolved``: when (µs), as newer errors open it again."""

    resolved: Mapping[str, int] = {}
    ignored: Collection[str] = ()
    archived: Collection[str] = ()


class IssueFilter(msgspec.Struct, frozen=True):
    """All conditions hold at once, an empty one always. ``levels`` and ``environments`` of the error at ``side``; ``seen_from`` ≤ last
    seen < ``seen_to`` (µs); ``first_from`` ≤ first seen; ``only``: fingerprints, None for all.
    """

    statuses: Collection[Status] = ()
    levels: Sequence[str] = ()
    environments: Sequence[str] = ()
    side: Side = "latest"
    seen_from: int | None = None
    seen_to: int | None = None
    first_from: int | None = None
    only: Sequence[str] | None = None


class FoundPage(NamedTuple):
    """``total``: issues of the whole list."""

    issues: list[Found]
    total: int


def fingerprint_of(text: str) -> str:
    """The fingerprint of the issue that ``text`` names: itself, or that of errors which clients sent with ``text`` as theirs."""
    lower = text.lower()
    return lower if _FINGERPRINT.match(lower) else sha256(clean_text(text).encode()).hexdigest()


def list_issues(
    store: Store,
    project: int,
    wanted: IssueFilter,
    closed: Closed,
    *,
    limit: int,
    offset: int = 0,
    after: tuple[int, str] | None = None,
    budget: Budget = DEFAULT,
) -> FoundPage:
    """The issues last seen first, those of one moment by fingerprint; ``after``: (last seen, fingerprint) of the one before the page, in which case
    ``total`` counts from there.
    """
    rows = store.query(project, list_sql(wanted, closed, limit=limit, offset=offset, after=after), budget).rows
    if rows or not offset:
        return FoundPage([Found(*row[:-1]) for row in rows], rows[0][-1] if rows else 0)
    rows = store.query(project, list_sql(wanted, closed, limit=1, offset=0, after=after), budget).rows
    return FoundPage([], rows[0][-1] if rows else 0)


def find_issue(
    store: Store, project: int, fingerprint: str, issue_id: str = "", budget: Budget = DEFAULT
) -> Found | None:
    """The issue of that fingerprint, else the one with this id (a UUID in lower case)."""
    where = "key = unhex({fingerprint:String})"
    params: dict[str, Any] = {"fingerprint": fingerprint}
    if issue_id:
        where = f"({where} OR {_ID_BITS} = {{id:String}})"
        params["id"] = _id_bits(issue_id.replace("-", ""))
    rows = store.query(
        project, Sql(_text(where, "key = unhex({fingerprint:String}) DESC LIMIT 1"), params), budget
    ).rows
    return Found(*rows[0]) if rows else None


def list_sql(wanted: IssueFilter, closed: Closed, *, limit: int, offset: int, after: tuple[int, str] | None) -> Sql:
    """The query behind :func:`list_issues`."""
    params: dict[str, Any] = {"limit": limit, "offset": offset}
    clauses = [_of_status(wanted.statuses, closed, params)] if wanted.statuses else []
    for name, values in (("level", wanted.levels), ("environment", wanted.environments)):
        if values:
            clauses.append(f"{wanted.side}_{name} IN {{{name}:Array(String)}}")
            params[name] = list(values)
    for name, sign, moment in (("seen_from", ">=", wanted.seen_from), ("seen_to", "<", wanted.seen_to)):
        if moment is not None:
            clauses.append(f"last_ts {sign} fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')")
            params[name] = moment
    if wanted.first_from is not None:
        clauses.append("first_ts >= fromUnixTimestamp64Micro({first_from:Int64}, 'UTC')")
        params["first_from"] = wanted.first_from
    if wanted.only is not None:
        clauses.append("fingerprint IN {only:Array(String)}")
        params["only"] = list(wanted.only)
    if after is not None:
        clauses.append("(-last_seen, fingerprint) > ({after:Int64}, {after_fingerprint:String})")
        params |= {"after": -after[0], "after_fingerprint": after[1]}
    order = "last_ts DESC, key LIMIT {limit:UInt32} OFFSET {offset:UInt64}"
    return Sql(_text(" AND ".join(clauses), order, ", count() OVER () AS total"), params)


def _text(where: str, order: str, more: str = "") -> str:
    return (
        f"SELECT {_SHOWN}{more}\nFROM (\n{GROUPED}"
        f"FROM {EVENTS.name} WHERE project = {{project:UInt32}} AND type = 'error' GROUP BY key\n)\n"
        f"{where and f'WHERE {where}'}\nORDER BY {order}"
    )


def _of_status(statuses: Collection[Status], closed: Closed, params: dict[str, Any]) -> str:
    """The condition that an issue has one of ``statuses`` now; what it needs joins ``params``."""
    is_resolved, shut = "0", ""
    if closed.resolved:
        is_resolved = (
            "proof <= transform(fingerprint, {resolved:Array(String)}, {resolved_at:Array(Int64)}, toInt64(-1))"
        )
        params |= {"resolved": list(closed.resolved), "resolved_at": list(closed.resolved.values())}
    arms = []
    for status, fingerprints in (("ignored", closed.ignored), ("archived", closed.archived)):
        if fingerprints:
            params[status] = list(fingerprints)
            shut += f" AND fingerprint NOT IN {{{status}:Array(String)}}"
            if status in statuses:
                arms.append(f"fingerprint IN {{{status}:Array(String)}}")
    if "resolved" in statuses:
        arms.append(is_resolved)
    if "unresolved" in statuses:
        arms.append(f"(NOT ({is_resolved}){shut})")
    return f"({' OR '.join(arms)})" if arms else "0"


# --- an issue's id: UUID 5 of its project and fingerprint, without version and variant, which the engine does not set ---

_ID_HASH: Final = f"lower(hex(SHA1(concat(unhex('{ISSUES.hex}'), toString({{project:UInt32}}), '/', lower(hex(key))))))"
_ID_BITS: Final = f"concat(substring({_ID_HASH}, 1, 12), substring({_ID_HASH}, 14, 3), substring({_ID_HASH}, 18, 15))"


def _id_bits(digits: str) -> str:
    return digits[:12] + digits[13:16] + digits[17:]
