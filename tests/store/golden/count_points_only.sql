SELECT toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli(ts) % 60000 AS bucket, sum(count) AS n
FROM points_1m WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY bucket ORDER BY bucket
