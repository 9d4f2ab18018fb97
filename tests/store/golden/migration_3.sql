CREATE TABLE IF NOT EXISTS slowstats_visitors (
    project UInt32 CODEC(ZSTD(1)),
    visitors AggregateFunction(uniqCombined64, String) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
ORDER BY project
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480, non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS slowstats_visitors_view TO slowstats_visitors
AS SELECT project, uniqCombined64State(src.user_id) AS visitors
FROM events AS src
WHERE src.dialect = 'slowstats' AND src.type = 'event' AND src.user_id != ''
GROUP BY project;
