SELECT '' AS line, toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli(ts) % 300000 AS bucket, count(duration_ms) AS count, ifNull(sum(duration_ms), 0) AS sum, min(duration_ms) AS min, max(duration_ms) AS max, argMax(duration_ms, (ts, duration_ms)) AS last, quantileExact(0.99)(duration_ms) AS percentile
FROM requests WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY line, bucket ORDER BY line, bucket
