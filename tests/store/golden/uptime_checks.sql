SELECT toUnixTimestamp64Micro(row.ts) AS ts, row.up AS up, row.status AS status, row.duration_ms AS duration_ms, row.reason AS reason
FROM (
    SELECT ts, up, status, duration_ms, reason FROM uptime_checks
    WHERE project = {project:UInt32} AND monitor = {monitor:UUID} AND ts >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
    ORDER BY ts DESC LIMIT {limit:UInt32}
) AS row
ORDER BY row.ts DESC
