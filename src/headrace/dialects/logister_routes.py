"""Logister's endpoints: their order of checks, limits and documentation (contract 1.1 to 1.10)."""

from __future__ import annotations

from headrace.dialects.base import Encoding, Limit, Route
from headrace.dialects.logister_batch import CONTENT_TYPES, DECODED_CAP, check_headers, decode_batch, parse_batch
from headrace.dialects.logister_check_ins import parse_check_in
from headrace.dialects.logister_deployments import LogisterDeploymentBody
from headrace.dialects.logister_events import parse_event
from headrace.dialects.logister_mobile import MOBILE
from headrace.dialects.logister_schema import (
    LogisterBatchLine,
    LogisterCheckInBody,
    LogisterEventBody,
    LogisterMobileTokenBody,
)

#: Bytes of a body, as sent and decoded (1.3; for check-ins the rulings).
BODY_CAP = 2 * 1024 * 1024
#: Requests per key and endpoint group in each minute of the epoch (1.10).
LIMIT = Limit("aligned", per_minute=1_200)
_ENCODINGS: tuple[Encoding, ...] = ("gzip", "deflate", "zstd")

#: The keys that may send records; the other endpoints are for a server's own keys.
_KINDS = ("key", MOBILE)

_SHARED_ANSWERS = (
    (401, '{"error":"Unauthorized"}'),
    (403, '{"error":"Forbidden"}'),
    (415, '{"error":"Content-Encoding must be gzip, deflate or zstd","code":"unsupported_encoding"}'),
    (429, '{"error":"Rate limit exceeded","limit":1200,"window_seconds":60,"retry_after":17}'),
    (500, '{"error":"Internal Server Error"}'),
    (503, '{"error":"Service Unavailable"}'),
)

_EVENTS = Route(
    path="/api/v1/ingest_events",
    method="POST",
    dialect="logister",
    # 1.3: flood, size, key, rate, body. A known Idempotency-Key is charged nothing, so it stands before the rate.
    steps=(
        "ip_guard",
        "wire_size",
        "auth",
        "scope",
        "idempotency",
        "charge_request",
        "body",
        "parse",
        "quota",
        "append",
    ),
    summary="Store one error, log, metric, transaction, span or check-in.",
    kinds=_KINDS,
    parse=parse_event,
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    cors=True,
    group="ingest",
    limit=LIMIT,
    project_rate=True,
    body_type=LogisterEventBody,
    sample='{"event":{"event_type":"log","message":"Worker started","level":"info","context":{"service":"mailer"}}}',
    answers=(
        (200, '{"id":"0b9e…","legacy_id":2251799813685,"status":"accepted","duplicate":true}'),
        (201, '{"id":"0b9e…","legacy_id":2251799813685,"status":"accepted"}'),
        (400, '{"error":"param is missing or the value is empty or invalid: event"}'),
        (
            413,
            '{"error":"telemetry payload context depth exceeds 16","code":"context_depth","limit":16,"actual":17}',
        ),
        (422, '{"errors":["Event type is not included in the list","Message can\'t be blank"]}'),
        *_SHARED_ANSWERS,
    ),
)

_CHECK_INS = Route(
    path="/api/v1/check_ins",
    method="POST",
    dialect="logister",
    # 1.3: no size is looked at before the key here; the cap holds when the body is read.
    steps=("ip_guard", "auth", "scope", "idempotency", "charge_request", "body", "parse", "append"),
    summary="Tell a monitor that its job ran.",
    kinds=_KINDS,
    parse=parse_check_in,
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    cors=True,
    group="check_in",
    limit=LIMIT,
    project_rate=True,
    body_type=LogisterCheckInBody,
    sample='{"check_in":{"slug":"nightly-backup","status":"ok","expected_interval_seconds":86400}}',
    answers=(
        (200, '{"id":"0b9e…","status":"accepted","duplicate":true}'),
        (201, '{"id":"0b9e…","status":"accepted"}'),
        (400, '{"error":"param is missing or the value is empty or invalid: check_in"}'),
        (413, '{"error":"telemetry request exceeds 2097152 bytes","code":"request_bytes","limit":2097152}'),
        (422, '{"errors":["Message can\'t be blank"]}'),
        *_SHARED_ANSWERS,
    ),
)

_BATCH = Route(
    path="/api/v1/ingest_events/batch",
    method="POST",
    dialect="logister",
    # Rulings 1, "Logister batch order": the cost is known only after decoding, and a batch over the limit is refused whole.
    steps=(
        "ip_guard",
        "wire_size",
        "auth",
        "scope",
        "idempotency",
        "headers",
        "body",
        "decode",
        "charge_cost",
        "parse",
        "quota",
        "append",
    ),
    summary="Store up to 100 events, one a line, all or none.",
    parse=parse_batch,
    check_headers=check_headers,
    decode=decode_batch,
    cap=BODY_CAP,
    decoded_cap=DECODED_CAP,
    encodings=("gzip",),
    cors=True,
    group="ingest",
    limit=LIMIT,
    project_rate=True,
    kinds=_KINDS,
    body_type=LogisterBatchLine,
    content_types=CONTENT_TYPES,
    parameters=(("X-Logister-Batch-Id", "Given back as batch_id, up to 128 characters."),),
    sample=(
        '{"event":{"uuid":"0b9e1c52-7a41-4c3e-9b5d-2f6a8c1e4d70","event_type":"log","message":"Worker started"}}\n'
        '{"event":{"uuid":"1c9e1c52-7a41-4c3e-9b5d-2f6a8c1e4d70","event_type":"log","message":"Worker stopped"}}\n'
    ),
    answers=(
        (
            202,
            (
                '{"schema_version":1,"batch_id":"b1","status":"accepted","accepted":1,"duplicates":0,"results":[{"index":0,'
                '"status":"accepted","type":"event","id":"0b9e…","legacy_id":2251799813685,"duplicate":false}]}'
            ),
        ),
        (400, '{"error":"Batch line 3 is not valid JSON","code":"invalid_json"}'),
        (413, '{"error":"Batch holds more than 100 events","code":"event_count","limit":100}'),
        (415, '{"error":"Batch ingest requires application/x-ndjson","code":"unsupported_content_type"}'),
        (
            422,
            (
                '{"schema_version":1,"status":"rejected","results":[{"index":0,"status":"rejected","errors":["Message can\'t '
                'be blank"]},{"index":1,"status":"rolled_back","errors":["Not stored because another event of the batch was '
                'rejected"]}]}'
            ),
        ),
        *_SHARED_ANSWERS,
    ),
)

_DEPLOYMENTS = Route(
    path="/api/v1/deployments",
    method="POST",
    dialect="logister",
    steps=("ip_guard", "auth", "scope", "charge_request", "body", "handle"),
    summary="Tell that a release came into an environment.",
    handler="logister.deployments",
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    group="deployment",
    limit=LIMIT,
    project_rate=True,
    body_type=LogisterDeploymentBody,
    sample=(
        '{"deployment":{"release":"1.4.2","environment":"production","repository":"acme/shop",'
        '"commit_sha":"9fceb02d0ae598e95dc970b74767f19372d61af8","branch":"main"}}'
    ),
    answers=(
        (201, '{"id":"5f0c…","legacy_id":2251799813685,"status":"accepted"}'),
        (400, '{"error":"param is missing or the value is empty or invalid: deployment"}'),
        (413, '{"error":"telemetry request exceeds 2097152 bytes","code":"request_bytes","limit":2097152}'),
        (422, '{"errors":["Commit sha must be a 7 to 40 character commit SHA"]}'),
        *_SHARED_ANSWERS,
    ),
)

_TOKENS = Route(
    path="/api/v1/mobile_ingest_tokens",
    method="POST",
    dialect="logister",
    steps=("ip_guard", "auth", "scope", "charge_request", "body", "handle"),
    summary="Make a short-lived token for one installation of a mobile app.",
    handler="logister.mobile_ingest_tokens",
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    group="mobile_token",
    limit=LIMIT,
    project_rate=True,
    body_type=LogisterMobileTokenBody,
    sample=(
        '{"mobile_ingest_token":{"platform":"android","service":"shop-app","environment":"production",'
        '"expires_in_seconds":900,"allowed_event_types":["error","log"]}}'
    ),
    answers=(
        (
            201,
            (
                '{"token":"logister_mobile_7d1f…","expires_at":"2026-04-02T10:15:00.000000Z","platform":"android",'
                '"service":"shop-app","environment":"production","allowed_event_types":["error","log"]}'
            ),
        ),
        (400, '{"error":"param is missing or the value is empty or invalid: mobile_ingest_token"}'),
        (413, '{"error":"telemetry request exceeds 2097152 bytes","code":"request_bytes","limit":2097152}'),
        (422, '{"errors":["Platform must match the project, which is for http_api"]}'),
        *_SHARED_ANSWERS,
    ),
)


def _health(path: str, summary: str, *answers: tuple[int, str]) -> Route:
    name = path.rpartition("/")[2]
    return Route(path, "GET", "logister", ("handle",), summary, handler=f"logister.{name}", answers=answers)


_HEALTH = (
    _health("/up", "The server runs.", (200, '{"status":"up"}')),
    _health(
        "/health/clickhouse",
        "The store answers.",
        (200, '{"status":"ok","version":"26.5.1"}'),
        (503, '{"status":"unavailable"}'),
    ),
    _health(
        "/health/release",
        "Which release runs, and whether it takes records.",
        (200, '{"status":"ok","version":"1.0.0"}'),
        (503, '{"status":"unavailable","version":"1.0.0"}'),
    ),
)

ROUTES = (_EVENTS, _BATCH, _CHECK_INS, _DEPLOYMENTS, _TOKENS, *_HEALTH)
