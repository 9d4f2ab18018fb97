SELECT '' AS line, ms - ms % 900000 AS bucket, sum(n) AS count, sum(total) AS sum, min(low) AS min, max(high) AS max, max(latest).2 AS last, quantileExact(0.95)(low) AS percentile
FROM (
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, toUInt64(1) AS n, value AS total, value AS low, value AS high, (ms, value) AS latest
    FROM points WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from0:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to0:Int64}, 'UTC')
)
GROUP BY line, bucket ORDER BY line, bucket
