SELECT toUnixTimestamp64Micro(row.ts) AS ts, toString(row.id) AS id, row.type AS type, row.name AS name
FROM (
    SELECT ts, id, type, name FROM events
    WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}
) AS row
ORDER BY row.ts DESC, row.id DESC
