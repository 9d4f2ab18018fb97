SELECT toUnixTimestamp64Micro(row.ts) AS ts, toUnixTimestamp64Micro(row.received_at) AS received_at, row.ts_source AS ts_source, row.ts_sent AS ts_sent, row.dialect AS dialect, toString(row.id) AS id, row.environment AS environment, row.release AS release, row.service AS service, row.trace_id AS trace_id, row.span_id AS span_id, row.parent_span_id AS parent_span_id, row.request_id AS request_id, row.session_id AS session_id, row.user_id AS user_id, row.direction AS direction, row.method AS method, row.host AS host, row.path AS path, row.status AS status, row.duration_ms AS duration_ms, row.request_size AS request_size, row.response_size AS response_size, row.is_slow AS is_slow, row.fingerprint AS fingerprint, row.labels AS labels
FROM (
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, direction, method, host, path, status, duration_ms, request_size, response_size, is_slow, fingerprint, labels FROM requests
    WHERE project = {project:UInt32} AND status IN {equals0:Array(UInt16)}
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
) AS row
ORDER BY row.ts DESC, row.id DESC LIMIT {limit:UInt32}
