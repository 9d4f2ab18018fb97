CREATE TABLE IF NOT EXISTS points (
    project UInt32 CODEC(ZSTD(1)),
    stat UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value_text String EPHEMERAL,
    value Float64 DEFAULT ifNull(toFloat64OrNull(value_text), nan) CODEC(ZSTD(1)),
    flags UInt8 CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 3, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 3, 'UTC') AND isFinite(value)
) ENGINE = MergeTree
PARTITION BY toYear(ts) ORDER BY (project, stat, ts)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS points_probe (
    project UInt32,
    stat UInt64,
    ts DateTime64(3, 'UTC'),
    value_text String EPHEMERAL,
    value Float64 DEFAULT ifNull(toFloat64OrNull(value_text), nan),
    flags UInt8,
    batch UInt64,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 3, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 3, 'UTC') AND isFinite(value)
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS points_in (
    project UInt32,
    stat UInt64,
    ts DateTime64(3, 'UTC'),
    value_text String EPHEMERAL,
    value Float64 DEFAULT ifNull(toFloat64OrNull(value_text), nan),
    flags UInt8,
    batch UInt64,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 3, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 3, 'UTC') AND isFinite(value)
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS points_1m (
    project UInt32 CODEC(ZSTD(1)),
    stat UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    sum SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    min SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)),
    max SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    last SimpleAggregateFunction(max, Tuple(UInt32, Float64)) CODEC(ZSTD(1)),
    batch SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1
) ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts) ORDER BY (project, stat, ts)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS points_15m (
    project UInt32 CODEC(ZSTD(1)),
    stat UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    sum SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    min SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)),
    max SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    last SimpleAggregateFunction(max, Tuple(UInt32, Float64)) CODEC(ZSTD(1)),
    batch SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1
) ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts) ORDER BY (project, stat, ts)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_view TO points
AS SELECT project, stat, ts, value, flags, batch FROM points_in;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_1m_view TO points_1m
AS SELECT project, stat, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(src.ts) - toUnixTimestamp64Milli(src.ts) % 60000, 'UTC') AS ts, sum(src.value) AS sum, count() AS count, min(src.value) AS min, max(src.value) AS max, max((toUInt32(toUnixTimestamp64Milli(src.ts) % 60000), src.value)) AS last, max(src.batch) AS batch
FROM points_in AS src
GROUP BY project, stat, ts;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_15m_view TO points_15m
AS SELECT project, stat, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(src.ts) - toUnixTimestamp64Milli(src.ts) % 900000, 'UTC') AS ts, sum(src.value) AS sum, count() AS count, min(src.value) AS min, max(src.value) AS max, max((toUInt32(toUnixTimestamp64Milli(src.ts) % 900000), src.value)) AS last, max(src.batch) AS batch
FROM points_in AS src
GROUP BY project, stat, ts;

CREATE TABLE IF NOT EXISTS events (
    project UInt32 CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ts_source LowCardinality(String) CODEC(ZSTD(1)),
    ts_sent LowCardinality(String) CODEC(ZSTD(1)),
    dialect LowCardinality(String) CODEC(ZSTD(1)),
    id UUID CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1)),
    release LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    type LowCardinality(String) CODEC(ZSTD(1)),
    level LowCardinality(String) CODEC(ZSTD(1)),
    name String CODEC(ZSTD(1)),
    message String CODEC(ZSTD(1)),
    fingerprint String CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    duration_ms_text Nullable(String) EPHEMERAL,
    duration_ms Nullable(Float64) DEFAULT if(isNull(duration_ms_text), NULL, ifNull(toFloat64OrNull(duration_ms_text), nan)) CODEC(ZSTD(1)),
    value_text Nullable(String) EPHEMERAL,
    value Nullable(Float64) DEFAULT if(isNull(value_text), NULL, ifNull(toFloat64OrNull(value_text), nan)) CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    raw String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1,
    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(ifNull(duration_ms, 0)) AND isFinite(ifNull(value, 0))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at) ORDER BY (project, type, ts, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS events_probe (
    project UInt32,
    ts DateTime64(6, 'UTC'),
    received_at DateTime64(6, 'UTC'),
    ts_source LowCardinality(String),
    ts_sent LowCardinality(String),
    dialect LowCardinality(String),
    id UUID,
    environment LowCardinality(String),
    release LowCardinality(String),
    service LowCardinality(String),
    trace_id String,
    span_id String,
    parent_span_id String,
    request_id String,
    session_id String,
    user_id String,
    type LowCardinality(String),
    level LowCardinality(String),
    name String,
    message String,
    fingerprint String,
    status LowCardinality(String),
    duration_ms_text Nullable(String) EPHEMERAL,
    duration_ms Nullable(Float64) DEFAULT if(isNull(duration_ms_text), NULL, ifNull(toFloat64OrNull(duration_ms_text), nan)),
    value_text Nullable(String) EPHEMERAL,
    value Nullable(Float64) DEFAULT if(isNull(value_text), NULL, ifNull(toFloat64OrNull(value_text), nan)),
    labels Map(LowCardinality(String), String),
    raw String,
    batch UInt64,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(ifNull(duration_ms, 0)) AND isFinite(ifNull(value, 0))
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS requests (
    project UInt32 CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ts_source LowCardinality(String) CODEC(ZSTD(1)),
    ts_sent LowCardinality(String) CODEC(ZSTD(1)),
    dialect LowCardinality(String) CODEC(ZSTD(1)),
    id UUID CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1)),
    release LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    direction LowCardinality(String) CODEC(ZSTD(1)),
    method LowCardinality(String) CODEC(ZSTD(1)),
    host LowCardinality(String) CODEC(ZSTD(1)),
    path String CODEC(ZSTD(1)),
    status UInt16 CODEC(ZSTD(1)),
    duration_ms_text String EPHEMERAL,
    duration_ms Float64 DEFAULT ifNull(toFloat64OrNull(duration_ms_text), nan) CODEC(ZSTD(1)),
    request_size UInt64 CODEC(ZSTD(1)),
    response_size UInt64 CODEC(ZSTD(1)),
    is_slow UInt8 CODEC(ZSTD(1)),
    fingerprint String CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    raw String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1,
    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(duration_ms)
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at) ORDER BY (project, ts, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS requests_probe (
    project UInt32,
    ts DateTime64(6, 'UTC'),
    received_at DateTime64(6, 'UTC'),
    ts_source LowCardinality(String),
    ts_sent LowCardinality(String),
    dialect LowCardinality(String),
    id UUID,
    environment LowCardinality(String),
    release LowCardinality(String),
    service LowCardinality(String),
    trace_id String,
    span_id String,
    parent_span_id String,
    request_id String,
    session_id String,
    user_id String,
    direction LowCardinality(String),
    method LowCardinality(String),
    host LowCardinality(String),
    path String,
    status UInt16,
    duration_ms_text String EPHEMERAL,
    duration_ms Float64 DEFAULT ifNull(toFloat64OrNull(duration_ms_text), nan),
    request_size UInt64,
    response_size UInt64,
    is_slow UInt8,
    fingerprint String,
    labels Map(LowCardinality(String), String),
    raw String,
    batch UInt64,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(duration_ms)
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS spans (
    project UInt32 CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ts_source LowCardinality(String) CODEC(ZSTD(1)),
    ts_sent LowCardinality(String) CODEC(ZSTD(1)),
    dialect LowCardinality(String) CODEC(ZSTD(1)),
    id UUID CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1)),
    release LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    ended_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    name String CODEC(ZSTD(1)),
    operation LowCardinality(String) CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    duration_ms_text String EPHEMERAL,
    duration_ms Float64 DEFAULT ifNull(toFloat64OrNull(duration_ms_text), nan) CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    raw String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1,
    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND ended_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ended_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(duration_ms)
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at) ORDER BY (project, ts, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS spans_probe (
    project UInt32,
    ts DateTime64(6, 'UTC'),
    received_at DateTime64(6, 'UTC'),
    ts_source LowCardinality(String),
    ts_sent LowCardinality(String),
    dialect LowCardinality(String),
    id UUID,
    environment LowCardinality(String),
    release LowCardinality(String),
    service LowCardinality(String),
    trace_id String,
    span_id String,
    parent_span_id String,
    request_id String,
    session_id String,
    user_id String,
    ended_at DateTime64(6, 'UTC'),
    name String,
    operation LowCardinality(String),
    kind LowCardinality(String),
    status LowCardinality(String),
    duration_ms_text String EPHEMERAL,
    duration_ms Float64 DEFAULT ifNull(toFloat64OrNull(duration_ms_text), nan),
    labels Map(LowCardinality(String), String),
    raw String,
    batch UInt64,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND ended_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ended_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(duration_ms)
) ENGINE = Null;
