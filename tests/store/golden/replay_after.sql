SELECT toUnixTimestamp64Micro(row.ts) AS ts, row.seq AS id, row.event_type AS event_type, row.url AS url, row.raw AS raw
FROM (
    SELECT ts, toString(id) AS seq, event_type, url, raw FROM replays
    WHERE project = {project:UInt32} AND session_id = {value:String} AND ts >= fromUnixTimestamp64Micro({after:Int64}, 'UTC') AND (ts, toString(id)) > (fromUnixTimestamp64Micro({after:Int64}, 'UTC'), {after_id:String})
    ORDER BY ts, seq LIMIT {limit:UInt32}
) AS row
ORDER BY row.ts, row.seq
