SELECT toUnixTimestamp64Micro(row.ts) AS ts, row.seq AS id, row.event_type AS event_type, row.url AS url, row.raw AS raw
FROM (
    SELECT ts, toString(id) AS seq, event_type, url, raw FROM replays
    WHERE project = {project:UInt32} AND fingerprint = {value:String}
    ORDER BY ts, seq LIMIT {limit:UInt32}
) AS row
ORDER BY row.ts, row.seq
