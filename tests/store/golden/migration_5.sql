CREATE TABLE IF NOT EXISTS history (
    project UInt32 CODEC(ZSTD(1)),
    stat UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(batch)
PARTITION BY toYear(ts) ORDER BY (project, stat, ts)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;
