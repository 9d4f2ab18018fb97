SELECT toUnixTimestamp64Micro(row.ts) AS ts, toUnixTimestamp64Micro(row.received_at) AS received_at, toString(row.id) AS id, row.path AS path
FROM (
    SELECT ts, received_at, id, path FROM requests
    WHERE project = {project:UInt32} AND batch > {after:UInt64} AND batch <= {upto:UInt64}
    ORDER BY received_at DESC, id DESC LIMIT {limit:UInt32}
) AS row
ORDER BY row.received_at DESC, row.id DESC
