-- Datasets, checks and schedules have numbers: a tick no longer repeats their names. Go
-- code fills the new tables from the old one.
ALTER TABLE tick RENAME TO old_tick;
DROP INDEX tick_at;

CREATE TABLE name (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE -- a dataset, the id of a check, or a schedule
);

-- The ticks of one instant and schedule. low, high and schedule are numbers of names.
CREATE TABLE tick (
  id INTEGER PRIMARY KEY,
  tick INTEGER NOT NULL,
  schedule INTEGER NOT NULL,
  low INTEGER NOT NULL, -- the lowest and the highest of its datasets
  high INTEGER NOT NULL,
  n INTEGER NOT NULL, -- how many datasets
  checks INTEGER NOT NULL, -- how many checks were run
  body BLOB NOT NULL
);
CREATE INDEX tick_at ON tick (tick, schedule);
