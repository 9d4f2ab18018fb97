"""Stats that are made before their first point: an import needs their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.admission.admission import Admission
from headrace.admission.deciding import Draft
from headrace.catalog.stats import StatRow
from headrace.records.intents import Answer, Intent, Submission
from headrace.records.points import ResolvedPoints

SOURCE = "stat"


async def make_stats(
    admission: Admission, project: int, wanted: Sequence[tuple[str, str]], now: int, most: int | None
) -> list[StatRow | None]:
    """The stats of these (name, type), in their order; those that are missing are made, by way of the journal like all others, and are
    durable on return. One that is there keeps its type. ``most``: stats that the project may have, None for any number; None in the place
    of one too many. On the event loop's thread. Raises ``LookUpFailed``, ``JournalUnavailable``.
    """
    registry = admission.stats
    made: dict[str, StatRow] = {}
    rows: list[StatRow | None] = []
    for name, stat_type in wanted:
        known = registry.names(project, SOURCE).get(name) or registry.look_up(project, SOURCE, name, None)
        if known is not None:
            rows.append(StatRow(known.stat_id, project, SOURCE, name, known.type, now))
        elif name in made:
            rows.append(made[name])
        elif most is not None and registry.count(project, SOURCE) + len(made) >= most:
            rows.append(None)
        else:
            made[name] = registry.draft(project, SOURCE, name, stat_type, now)
            rows.append(made[name])
    if made:
        submission = Submission((), lambda _: Answer(204), counted=False)
        await admission.append(
            Draft(submission, project, [], [Intent()], ResolvedPoints(), list(made.values()), [], conflict=False)
        )
    return rows
