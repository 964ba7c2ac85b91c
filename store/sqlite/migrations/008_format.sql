-- One format on both engines. store/internal/format documents the columns body
-- and points; Go code fills the new tables from the old ones.
DROP VIEW point;
ALTER TABLE tick RENAME TO old_tick;
ALTER TABLE block RENAME TO old_block;
ALTER TABLE recent RENAME TO old_recent;
DROP INDEX recent_low;

-- The ticks of one instant and schedule.
CREATE TABLE tick (
  id INTEGER PRIMARY KEY,
  tick INTEGER NOT NULL,
  schedule TEXT NOT NULL,
  low TEXT NOT NULL, -- the first and the last of its datasets by their names
  high TEXT NOT NULL,
  n INTEGER NOT NULL, -- how many datasets
  checks INTEGER NOT NULL, -- how many checks were run
  body BLOB NOT NULL
);
CREATE INDEX tick_at ON tick (tick, schedule);

-- The values of one series. The blocks of a series do not overlap.
CREATE TABLE block (
  series INTEGER NOT NULL REFERENCES series (id),
  first INTEGER NOT NULL, -- the instants of its first and last value
  last INTEGER NOT NULL,
  n INTEGER NOT NULL,
  points BLOB NOT NULL,
  PRIMARY KEY (series, first)
) WITHOUT ROWID;

-- The newest values of many series. They wait here to be moved to blocks.
CREATE TABLE recent (
  id INTEGER PRIMARY KEY,
  low INTEGER NOT NULL, -- the lowest and the highest series in it
  high INTEGER NOT NULL,
  n INTEGER NOT NULL,
  points BLOB NOT NULL
);
CREATE INDEX recent_low ON recent (low);
