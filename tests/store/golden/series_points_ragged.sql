SELECT toString(stat) AS line, ms - ms % 3600000 AS bucket, sum(n) AS count, sum(total) AS sum, min(low) AS min, max(high) AS max, max(latest).2 AS last
FROM (
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, toUInt64(1) AS n, value AS total, value AS low, value AS high, (ms, value) AS latest
    FROM points WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from0:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to0:Int64}, 'UTC')
    UNION ALL
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, count AS n, sum AS total, min AS low, max AS high, (ms + last.1, last.2) AS latest
    FROM points_1m WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from1:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to1:Int64}, 'UTC')
    UNION ALL
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, count AS n, sum AS total, min AS low, max AS high, (ms + last.1, last.2) AS latest
    FROM points_15m WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from2:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to2:Int64}, 'UTC')
    UNION ALL
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, toUInt64(1) AS n, value AS total, value AS low, value AS high, (ms, value) AS latest
    FROM points WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from3:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to3:Int64}, 'UTC')
    UNION ALL
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, count AS n, value AS total, min AS low, max AS high, (ms + least(place, 999), value / count) AS latest
    FROM history FINAL WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from4:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to4:Int64}, 'UTC')
)
GROUP BY line, bucket ORDER BY line, bucket
