SELECT 0 AS arm, (roundDown(toUnixTimestamp64Milli(ts), {starts:Array(Int64)})) * 32 + transform(dialect, {dialects:Array(String)}, {numbers:Array(Int64)}, 0) AS bucket, count() AS n
FROM spans WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY bucket
UNION ALL
SELECT 1 AS arm, roundDown(toUnixTimestamp64Milli(ts), {starts:Array(Int64)}) AS bucket, sum(count) AS n
FROM points_1m WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY bucket
