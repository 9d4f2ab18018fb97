SELECT dialect, roundDown(toUnixTimestamp64Milli(ts), {starts:Array(Int64)}) AS bucket, count() AS n
FROM spans WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY dialect, bucket ORDER BY dialect, bucket
