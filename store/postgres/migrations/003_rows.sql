-- A tick writes few rows: see migrations/006_rows.sql.
ALTER TABLE tick ADD COLUMN checks INTEGER NOT NULL DEFAULT 0, ADD COLUMN runs BYTEA NOT NULL DEFAULT '[]';
INSERT INTO tick (tick, schedule, dataset, skipped, checks, runs)
SELECT r.tick, 'once:' || r.check_id, l.dataset, '', 1, convert_to(json_build_array(json_build_array(r.check_id, r.status, r.duration, r.message))::text, 'UTF8')
FROM result r JOIN last_result l ON l.check_id = r.check_id;
DROP TABLE result;

ALTER TABLE last_tick ADD COLUMN ran BIGINT NOT NULL DEFAULT 0, ADD COLUMN results BYTEA NOT NULL DEFAULT '';
INSERT INTO last_tick (schedule, dataset, tick, ran, results)
SELECT 'once:' || check_id, dataset, tick, tick, '\x5b'::bytea || body || '\x5d'::bytea FROM last_result;
DROP TABLE last_result;

ALTER TABLE baseline ADD COLUMN digest BYTEA NOT NULL DEFAULT '';
UPDATE baseline SET digest = sha256(data);
DROP INDEX baseline_check;
CREATE INDEX baseline_check ON baseline (check_id, id, digest);
