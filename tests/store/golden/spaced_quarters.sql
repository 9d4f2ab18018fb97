SELECT stat, intDiv(ms - {from0:Int64}, {width:Int64}) AS place, sum(n) AS count, sum(total) AS sum, min(low) AS min, max(high) AS max, max(latest).2 AS last
FROM (
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, count AS n, sum AS total, min AS low, max AS high, (ms + last.1, last.2) AS latest
    FROM points_15m WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from0:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to0:Int64}, 'UTC')
    UNION ALL
    SELECT stat, toUnixTimestamp64Milli(ts) AS ms, count AS n, value AS total, min AS low, max AS high, (ms + least(place, 999), value / count) AS latest
    FROM history FINAL WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from0:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to0:Int64}, 'UTC')
)
GROUP BY stat, place ORDER BY stat, place
