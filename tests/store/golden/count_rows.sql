SELECT dialect, toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli(ts) % 900000 AS bucket, count() AS n
FROM events WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY dialect, bucket ORDER BY dialect, bucket
