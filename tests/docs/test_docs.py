"""The documentation says what the product does: links, settings, commands, routes, limits, error texts."""

from __future__ import annotations

import json
import re
import shlex

import click
import pytest
from documents import DOCS, PAGES, README, anchors, commands, fits, headrace_lines, links, name_of

from headrace.api.app import own_schema
from headrace.api.compat import (
    logister_cli_asked,
    logister_cli_bundles,
    logister_cli_insights,
    logister_cli_shown,
    logister_cli_traces,
    seestack_lists,
    seestack_rows,
    seestack_tail,
)
from headrace.api.imports import alert_rows, files, flow_file, hat_files, keeping, lines
from headrace.api.services import alerts, device_logins, imports, stathat_stats, uptime
from headrace.cli.main import cli
from headrace.cli.reference import cli_markdown
from headrace.dialects import (
    canaryhub,
    canaryhub_events,
    logister,
    logister_cli_logins,
    logister_cli_reads,
    logister_limits,
    seestack,
    seestack_requests,
    slowstats,
    slowstats_answers,
    slowstats_discord,
    slowstats_events,
    statflow,
    statflow_points,
    stathat,
    stathat_forms,
    stathat_reading,
    stathat_timeframes,
)
from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.registry import DIALECTS, ROUTES
from headrace.outward.urls import URL_MAX
from headrace.settings import SETTINGS
from headrace.store.requests import EXACT_MAX, HOSTS_MAX, TRACE_MAX
from headrace.store.uptime import MAX_CHECKS
from headrace.watch.visit import VISIT_S

MIB = 1024 * 1024


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors(file), f"{target}: no such heading"


def test_every_page_is_reached_from_the_readme():
    seen, waiting = {README}, [README]
    while waiting:
        page = waiting.pop()
        for target in links(page):
            file = (page.parent / target.partition("#")[0]).resolve()
            if file.suffix == ".md" and file not in seen:
                seen.add(file)
                waiting.append(file)
    assert seen == set(PAGES)


@pytest.mark.parametrize("setting", [setting.name for setting in SETTINGS])
def test_every_setting_is_explained_outside_its_table(setting):
    prose = "".join(page.read_text() for page in PAGES if page.name != "settings.md")
    variable = f"HEADRACE_{setting.upper()}"
    assert re.search(rf"`{setting}[` =]|\b{variable}\b|`--{setting}`", prose)


# --- the command line


def test_the_page_of_the_command_line_is_current():
    assert (DOCS / "cli.md").read_text() == cli_markdown(), "python -m headrace.cli.reference > docs/cli.md"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_shown_can_be_typed(page):
    for line in headrace_lines(page):
        group, words = cli, shlex.split(line, comments=True)[1:]
        while isinstance(group, click.Group):
            name, command, words = group.resolve_command(click.Context(group), words)
            assert command is not None, line
            group = command
        with click.Context(group, info_name=name) as context:
            group.parse_args(context, list(words))


def test_the_commands_that_people_need_first_are_shown_in_use():
    used = {" ".join(line.split()[1:3]) for page in PAGES for line in headrace_lines(page)}
    for name in ("init", "project create", "project list", "key create", "key list", "key revoke", "key refusals"):
        assert any(line.startswith(name) for line in used), name


# --- routes


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_of_a_dialect_is_on_its_page(route):
    text = (DOCS / "dialects" / f"{route.dialect}.md").read_text()
    # Of paths that only go on with further ids the first is enough.
    for path in (route.path, *(alias for alias in route.aliases if not alias.startswith(route.path))):
        assert f"`{route.method} {path}`" in text


def own_endpoints() -> list[str]:
    return [f"{method.upper()} {path}" for path, item in own_schema()["paths"].items() for method in item]


@pytest.mark.parametrize("endpoint", own_endpoints())
def test_every_endpoint_of_our_own_is_on_the_api_page(endpoint):
    pattern = re.sub(r"\\\{\w+\\\}", r"\\{\\w+\\}", re.escape(endpoint))
    assert re.search(f"`{pattern}`", (DOCS / "api.md").read_text())


# --- limits and error texts


LIMITS = [
    ("slowstats", f"{slowstats.BODY_CAP // MIB} MiB"),
    ("slowstats", f"{slowstats.LIMIT.per_minute} requests in the 60 s"),
    ("slowstats", f"first {slowstats.MAX_LEAVES:,} numbers, up to {slowstats.MAX_DEPTH} keys deep"),
    ("slowstats", f"{slowstats.MAX_NAME} characters"),
    ("slowstats", f"1 to {slowstats_answers.TYPE_MAX} characters"),
    ("slowstats", f"at most {slowstats_events.DESCRIPTION_MAX:,} characters"),
    ("slowstats", f"0 to {slowstats_events.COLOR_MAX}"),
    ("slowstats", f"1 to {slowstats_discord.TITLE_MAX} characters, not blank"),
    ("slowstats", f"up to {slowstats_discord.FIELDS_MAX} fields"),
    ("slowstats", f"{slowstats_discord.EMBED_MAX:,} characters"),
    ("statflow", f"{statflow.BODY_CAP // MIB} MiB"),
    ("statflow", f"{statflow.LIMIT.per_minute // 60} a second, {statflow.LIMIT.burst:,} at once"),
    ("statflow", f"{statflow.READS[0].limit.per_minute // 60} requests a second"),
    ("statflow", f"1 to {statflow_points.MAX_ITEMS:,}; all are stored or none"),
    ("statflow", f"1 to {statflow_points.MAX_NAME} characters"),
    ("logister", f"{logister.BODY_CAP // MIB} MiB"),
    ("logister", f"{logister.LIMIT.per_minute:,} in each minute"),
    ("logister", f"{logister.IP_LIMITS[0]:,} a minute"),
    ("logister", f"| {logister.IP_LIMITS[1]:,} a minute"),
    (
        "logister",
        f"{logister_cli_reads.LIMIT.per_minute} requests a key, {logister_cli_reads.FLOOD:,} a client address",
    ),
    ("logister", f"{logister_cli_logins.FLOOD_BEGIN} logins begun and {logister_cli_logins.FLOOD_POLL} questions"),
    ("logister", f"1 to {logister_cli_asked.LIMIT_MAX}, {logister_cli_asked.LIMIT} without one"),
    ("logister", f"at most {logister_cli_asked.RANGE_MAX_US // 86_400_000_000} days"),
    ("logister", f"a text in them, up to {logister_cli_asked.TEXT_MAX} characters"),
    ("logister", f"0 to {logister_cli_asked.DURATION_MAX_MS:,}"),
    ("logister", f"up to {logister_cli_shown.CONTEXT_MAX // 1024} KiB each"),
    ("logister", f"up to {logister_cli_bundles.EXPORT_MAX // 1024} KiB"),
    ("logister", f"its newest {logister_cli_bundles.OCCURRENCES_MAX} errors"),
    (
        "logister",
        f"{logister_cli_bundles.BUDGET_MIN} to {logister_cli_bundles.BUDGET_MAX:,}, {logister_cli_bundles.BUDGET_DEFAULT:,} without",
    ),
    ("logister", f"up to {logister_cli_traces.SPANS_MAX} spans"),
    ("logister", f"keys of the catalog, up to {logister_cli_insights.SELECTED_MAX}"),
    ("logister", f"`key=value` of a label, up to {logister_cli_insights.ATTRIBUTES_MAX}"),
    ("logister", f"`expired_token` (after {device_logins.CODE_LIFE_S} s)"),
    ("logister", f"within {device_logins.INTERVAL_S}\nseconds"),
    ("logister", f"for {device_logins.KEY_LIFE_S // 86_400} days"),
    ("logister", f"{logister_limits.MESSAGE_BYTES:,} bytes | `message_bytes`"),
    ("logister", f"{logister_limits.STRING_BYTES:,} bytes | `string_bytes`"),
    ("logister", f"{logister_limits.ARRAY_LENGTH:,} items | `array_length`"),
    ("logister", f"{logister_limits.CONTEXT_KEYS:,} | `context_keys`"),
    ("logister", f"{logister_limits.CONTEXT_DEPTH:,} | `context_depth`"),
    ("logister", f"{logister_limits.EVENT_BYTES:,} | `event_bytes`"),
    ("seestack", f"{seestack.BATCH_CAP // MIB} MiB"),
    ("seestack", f"1 to {seestack_requests.MAX_REQUESTS}"),
    ("seestack", f"above {seestack_requests.SLOW_MS:,} ms"),
    ("seestack", f"(20, at most {seestack_lists.PER_PAGE_MAX}) walk through the list"),
    ("seestack", f"(`perPage`, at most {seestack_lists.PER_PAGE_MAX})"),
    ("seestack", f"({seestack_rows.REQUESTS_PER_PAGE}, at most {seestack_lists.PER_PAGE_MAX}) walk through it"),
    ("seestack", f"exact for up to\n{EXACT_MAX:,} requests"),
    ("seestack", f"up to {HOSTS_MAX} hosts"),
    ("seestack", f"the first {TRACE_MAX} requests of a trace"),
    ("seestack", f"above {seestack_tail.FRAME_MAX // 1024} KiB; smaller ones are passed over"),
    ("seestack", f"more than {seestack_tail.TAILS_MAX} listen"),
    ("seestack", f"for {seestack_tail.BEHIND_S:g} seconds more lines came"),
    ("seestack", f"a project has at most {uptime.MONITORS_MAX} monitors"),
    ("seestack", f"http or https, up to {URL_MAX:,} characters"),
    ("seestack", f"within {VISIT_S:g} seconds"),
    ("seestack", f"the last {MAX_CHECKS:,} looks"),
    ("stathat", f"{stathat.BODY_CAP // MIB} MiB"),
    ("stathat", f"{stathat_reading.MAX_ITEMS:,}, standing for at most {stathat.MAX_POINTS:,} points"),
    ("stathat", f"1 to {stathat_forms.MAX_NAME} characters"),
    ("stathat", f"up to {stathat_forms.MAX_PARTS} at once"),
    ("stathat", f"A page has at most {stathat_stats.PAGE:,}"),
    ("stathat", f"At most {stathat_timeframes.MAX_POINTS:,} points"),
    ("stathat", f"at most {alerts.ALERTS_MAX:,} alerts"),
    ("stathat", f"in the trash for {stathat_stats.TRASH_US // 3_600_000_000} hours"),
    ("statflow", f"up to {imports.STATS_MAX:,} names"),
    ("statflow", f"the first {keeping.FAILURES_TOLD} stats"),
    ("statflow", f"| file, as sent | {files.FILE_MAX // MIB} MiB |"),
    ("statflow", f"{files.TEXT_MAX // MIB // 1024} GiB; {files.FILES_MAX:,} files"),
    ("statflow", f"{lines.LINE_MAX // 1024} KiB; {hat_files.JSON_MAX // MIB} MiB"),
    (
        "statflow",
        f"| {flow_file.STATS_MAX:,}; {alert_rows.LINES_MAX:,} lines, of which a project holds {alerts.ALERTS_MAX:,} |",
    ),
    ("statflow", f"after {lines.BAD_MAX:,} such lines"),
    ("canaryhub", f"{canaryhub.BODY_CAP:,} bytes"),
    ("canaryhub", f"1 to {canaryhub_events.MAX_EVENTS}"),
    ("canaryhub", f"1 to {canaryhub_events.MAX_NAME} characters"),
    ("canaryhub", f"at most {canaryhub_events.MAX_MESSAGE:,} characters"),
    ("canaryhub", f"at most {canaryhub_events.MAX_META:,} bytes"),
    ("canaryhub", f"{canaryhub.LIMIT.burst} events that fills by one a second"),
]


@pytest.mark.parametrize(("dialect", "text"), LIMITS)
def test_limits_are_those_of_the_code(dialect, text):
    assert text in (DOCS / "dialects" / f"{dialect}.md").read_text()


#: Said once for all dialects, or so rare that only the body tells.
NOT_LISTED = {Fault.IDEMPOTENCY_KEY, Fault.UNREADABLE}


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in NOT_LISTED])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_error_texts_are_those_of_the_code(dialect, fault):
    text = (DOCS / "dialects" / f"{dialect.name}.md").read_text()
    cap = max(route.cap for route in dialect.routes)
    answer = dialect.fault(fault, FaultDetail(limit=cap, scope="write"))
    body = json.loads(answer.body)
    error = body["error"] if "error" in body else body["msg"]  # StatHat's word
    said = (error["code"], error["message"]) if isinstance(error, dict) else (error,)
    for part in (str(answer.status), *said):
        assert part in text


# --- the pages' own checks can fail


@pytest.mark.parametrize(
    ("shown", "got", "fit"),
    [
        ('{"a":1}', '{"a":1}', True),
        ('{"a":1}', '{"a":1.0}', False),
        ('{"a":1}', '{"a":1,"b":2}', False),
        ('{"a":1,"…":"…"}', '{"a":1,"b":2}', True),
        ('{"a":"…"}', '{"b":1}', False),
        ('["…",2]', "[1,1,2]", True),
        ('["…",2]', "[2,1]", False),
        ("[]", "[1]", False),
        ('["…",{"a":1},"…"]', '[{"a":2}]', False),
    ],
)
def test_an_answer_fits_only_what_is_shown(shown, got, fit):
    assert fits(json.loads(shown), json.loads(got)) is fit


def test_there_are_commands_to_check():
    counts = {name_of(page): len(commands(page)) for page in PAGES}
    assert counts["README.md"] >= 1 + len(DIALECTS)
    for dialect in DIALECTS:
        assert counts[f"docs/dialects/{dialect.name}.md"] > 1
