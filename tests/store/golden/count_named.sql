SELECT 0 AS arm, toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli(ts) % 900000 AS bucket, sum(count) AS n
FROM points_1m WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY bucket
UNION ALL
SELECT 1 AS arm, toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli(ts) % 900000 AS bucket, sum(count) AS n
FROM points_15m WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC') AND stat IN {stats:Array(UInt64)}
GROUP BY bucket
