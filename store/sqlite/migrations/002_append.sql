-- Ticks and runs are kept in the order of time: a tick appends to a few pages
-- instead of changing one page a check. The last tick has a table of its own.
CREATE TABLE tick_2 (
  tick INTEGER NOT NULL, schedule TEXT NOT NULL, dataset TEXT NOT NULL,
  skipped TEXT NOT NULL, -- why it was not run; '' for one that was
  PRIMARY KEY (tick, schedule, dataset)
) WITHOUT ROWID;
INSERT INTO tick_2 SELECT tick, schedule, dataset, '' FROM tick ORDER BY tick;
CREATE TABLE last_tick (
  schedule TEXT NOT NULL, dataset TEXT NOT NULL, tick INTEGER NOT NULL,
  PRIMARY KEY (schedule, dataset)
) WITHOUT ROWID;
INSERT INTO last_tick SELECT schedule, dataset, max(tick) FROM tick GROUP BY 1, 2;
DROP TABLE tick;
ALTER TABLE tick_2 RENAME TO tick;

CREATE TABLE result_2 (
  tick INTEGER NOT NULL, check_id TEXT NOT NULL, status INTEGER NOT NULL, duration INTEGER NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (tick, check_id)
) WITHOUT ROWID;
INSERT INTO result_2 SELECT tick, check_id, status, duration, message FROM result ORDER BY tick;
DROP TABLE result;
ALTER TABLE result_2 RENAME TO result;
