CREATE TABLE IF NOT EXISTS uptime_checks (
    project UInt32 CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    monitor UUID CODEC(ZSTD(1)),
    up UInt8 CODEC(ZSTD(1)),
    status UInt16 CODEC(ZSTD(1)),
    duration_ms_text String EPHEMERAL,
    duration_ms Float64 DEFAULT ifNull(toFloat64OrNull(duration_ms_text), nan) CODEC(ZSTD(1)),
    reason String CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_batch batch TYPE minmax GRANULARITY 1,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(duration_ms)
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at) ORDER BY (project, monitor, ts)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS uptime_checks_probe (
    project UInt32,
    ts DateTime64(6, 'UTC'),
    received_at DateTime64(6, 'UTC'),
    monitor UUID,
    up UInt8,
    status UInt16,
    duration_ms_text String EPHEMERAL,
    duration_ms Float64 DEFAULT ifNull(toFloat64OrNull(duration_ms_text), nan),
    reason String,
    batch UInt64,
    CONSTRAINT sane CHECK project > 0 AND ts >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND received_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND received_at < toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AND isFinite(duration_ms)
) ENGINE = Null;
