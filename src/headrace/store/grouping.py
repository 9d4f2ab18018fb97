"""How errors become issues: what those of one issue have in common, and what is kept of it.

An issue's *fingerprint* is 64 hex characters. It is what the client sent or what SeeStack's rule made of class and frames, if that is 64 hex
characters already; else the SHA-256 of the text that the errors share: the client's own fingerprint, the name that CanaryHub's problems go
by, or the first line of the message (Logister). All but the client's own are marked with the rule and its version.

Issues are a projection inside the parts of ``events``: they come and go with the errors that they count, so there is nothing to recover, and
the engine takes them by itself for questions that name the columns below. A million errors of 10,000 issues are listed in 60 ms instead of
540; an insert of errors costs a tenth more, one of other events nothing that can be measured.
"""

from __future__ import annotations

from typing import Final

from headrace.records.tables import EVENTS

_FIRST_LINE: Final = "trimBoth(firstLine(message), ' \\t\\r')"
#: The 32 bytes of the fingerprint of an error's issue, "" of other events. Written as the engine rewrites it (notEmpty): otherwise it does not see that the projection has it.
ISSUE_KEY: Final = (
    "multiIf(type != 'error', '', match(fingerprint, '^[0-9a-f]{64}$'), unhex(fingerprint), "
    "SHA256(multiIf(notEmpty(fingerprint), fingerprint, dialect = 'canaryhub', concat('canaryhub/1\\0', name), "
    f"notEmpty({_FIRST_LINE}), concat('logister/1\\0', {_FIRST_LINE}), toString(id))))"
)
_START: Final = "JSONExtractString(raw, 'context', 'telemetry_evidence', 'time', 'reporting_start')"
#: Until when an issue must have been closed for the error to be a new one. A time in whole seconds means any moment of its second. Of an
# interval only the start proves anything; without one it is no proof.
_PROOF: Final = (
    "least(received_at, multiIf(ts_source = 'interval', "
    f"ifNull(toDateTime64OrNull(replaceOne(substring({_START}, 1, 26), 'T', ' '), 6, 'UTC'), "
    "fromUnixTimestamp64Micro(0, 'UTC')), "
    "ts_source = 'exact' AND toUnixTimestamp64Micro(ts) % 1000000 = 0, ts + toIntervalSecond(1), ts))"
)
GROUPED: Final = (
    f"SELECT {ISSUE_KEY} AS key, count() AS occurrences, min(ts) AS first_ts, max(ts) AS last_ts, max({_PROOF}) AS proof_ts, "
    "argMin(id, ts) AS first_id, argMin(level, ts) AS first_level, argMin(environment, ts) AS first_environment, "
    "argMax(id, ts) AS latest_id, argMax(level, ts) AS latest_level, argMax(environment, ts) AS latest_environment\n"
)


def projection_statements() -> tuple[str, ...]:
    """Adds issues to ``events``, in the background where there are errors already: until a part has them it is read row by row. Each statement
    may be repeated. Without the setting deletes would be refused.
    """
    table = f"ALTER TABLE {EVENTS.name}"
    columns = GROUPED.strip().replace("SELECT ", "SELECT project, type, ", 1)
    return (
        f"{table} MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild'",
        f"{table} ADD PROJECTION IF NOT EXISTS by_issue ({columns} GROUP BY project, type, key)",
        f"{table} MATERIALIZE PROJECTION by_issue",
    )
