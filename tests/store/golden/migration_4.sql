DROP VIEW IF EXISTS points_1m_view;

DROP VIEW IF EXISTS points_15m_view;

CREATE TABLE IF NOT EXISTS points_1m_in AS points_1m ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_1m_view TO points_1m
AS SELECT * FROM points_1m_in;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_15m_view TO points_15m
AS SELECT project, stat, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(src.ts) - toUnixTimestamp64Milli(src.ts) % 900000, 'UTC') AS ts, sum(src.sum) AS sum, sum(src.count) AS count, min(src.min) AS min, max(src.max) AS max, max((toUInt32(toUnixTimestamp64Milli(src.ts) % 900000) + src.last.1, src.last.2)) AS last, max(src.batch) AS batch
FROM points_1m_in AS src
GROUP BY project, stat, ts;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_1m_in_view TO points_1m_in
AS SELECT project, stat, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(src.ts) - toUnixTimestamp64Milli(src.ts) % 60000, 'UTC') AS ts, sum(src.value) AS sum, count() AS count, min(src.value) AS min, max(src.value) AS max, (toUInt32(max(toUnixTimestamp64Milli(src.ts) % 60000)), argMax(src.value, toUInt64(toUnixTimestamp64Milli(src.ts) % 60000) * 1048576 + rowNumberInBlock())) AS last, max(src.batch) AS batch
FROM points_in AS src
GROUP BY project, stat, ts;
