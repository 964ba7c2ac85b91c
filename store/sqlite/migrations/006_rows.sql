-- A tick writes few rows: the runs of a dataset's checks are kept with its tick,
-- and their last results are one row. What was not run on a schedule has one of
-- its own making, once:..., see rows.go.
ALTER TABLE tick ADD COLUMN checks INTEGER NOT NULL DEFAULT 0; -- how many were run
ALTER TABLE tick ADD COLUMN runs BLOB NOT NULL DEFAULT x'5b5d'; -- JSON: [[check, status, microseconds, message], ...]
INSERT INTO tick (tick, schedule, dataset, skipped, checks, runs)
SELECT r.tick, 'once:' || r.check_id, l.dataset, '', 1, CAST(json_array(json_array(r.check_id, r.status, r.duration, r.message)) AS BLOB)
FROM result r JOIN last_result l ON l.check_id = r.check_id ORDER BY r.tick;
DROP TABLE result;

-- Rows of this size would overflow their pages without a rowid.
CREATE TABLE last_tick_2 (
  id INTEGER PRIMARY KEY, schedule TEXT NOT NULL, dataset TEXT NOT NULL, tick INTEGER NOT NULL,
  ran INTEGER NOT NULL, -- the tick of the results; 0: there are none
  results BLOB NOT NULL, -- JSON: [result, ...]
  UNIQUE (schedule, dataset)
);
INSERT INTO last_tick_2 (schedule, dataset, tick, ran, results) SELECT schedule, dataset, tick, 0, x'' FROM last_tick;
INSERT INTO last_tick_2 (schedule, dataset, tick, ran, results)
SELECT 'once:' || check_id, dataset, tick, tick, CAST('[' || CAST(body AS TEXT) || ']' AS BLOB) FROM last_result;
DROP TABLE last_tick;
DROP TABLE last_result;
ALTER TABLE last_tick_2 RENAME TO last_tick;

-- Most schemas are as they were: their digests tell, from the index alone.
ALTER TABLE baseline ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
DROP INDEX baseline_check;
CREATE INDEX baseline_check ON baseline (check_id, id, digest);
