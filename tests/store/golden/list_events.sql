SELECT toUnixTimestamp64Micro(row.ts) AS ts, toUnixTimestamp64Micro(row.received_at) AS received_at, row.ts_source AS ts_source, row.ts_sent AS ts_sent, row.dialect AS dialect, toString(row.id) AS id, row.environment AS environment, row.release AS release, row.service AS service, row.trace_id AS trace_id, row.span_id AS span_id, row.parent_span_id AS parent_span_id, row.request_id AS request_id, row.session_id AS session_id, row.user_id AS user_id, row.type AS type, row.level AS level, row.name AS name, row.message AS message, row.fingerprint AS fingerprint, row.status AS status, row.duration_ms AS duration_ms, row.value AS value, row.labels AS labels, row.raw AS raw
FROM (
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, type, level, name, message, fingerprint, status, duration_ms, value, labels, raw FROM events
    WHERE project = {project:UInt32} AND type = {type0:String} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
    UNION ALL
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, type, level, name, message, fingerprint, status, duration_ms, value, labels, raw FROM events
    WHERE project = {project:UInt32} AND type = {type1:String} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
    UNION ALL
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, type, level, name, message, fingerprint, status, duration_ms, value, labels, raw FROM events
    WHERE project = {project:UInt32} AND type = {type2:String} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
    UNION ALL
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, type, level, name, message, fingerprint, status, duration_ms, value, labels, raw FROM events
    WHERE project = {project:UInt32} AND type = {type3:String} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
    UNION ALL
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, type, level, name, message, fingerprint, status, duration_ms, value, labels, raw FROM events
    WHERE project = {project:UInt32} AND type = {type4:String} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
    UNION ALL
    SELECT ts, received_at, ts_source, ts_sent, dialect, id, environment, release, service, trace_id, span_id, parent_span_id, request_id, session_id, user_id, type, level, name, message, fingerprint, status, duration_ms, value, labels, raw FROM events
    WHERE project = {project:UInt32} AND type = {type5:String} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
) AS row
ORDER BY row.ts DESC, row.id DESC LIMIT {limit:UInt32}
