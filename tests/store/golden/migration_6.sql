ALTER TABLE points_1m MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE points_1m ADD PROJECTION IF NOT EXISTS by_minute (SELECT project, ts, sum(count) GROUP BY project, ts);

ALTER TABLE points_1m MATERIALIZE PROJECTION by_minute;
