-- All times are microseconds since 1970, UTC.
CREATE TABLE tick (
  schedule TEXT NOT NULL, dataset TEXT NOT NULL, tick INTEGER NOT NULL,
  PRIMARY KEY (schedule, dataset, tick)
) WITHOUT ROWID;
CREATE TABLE result (
  check_id TEXT NOT NULL, tick INTEGER NOT NULL, status INTEGER NOT NULL, duration INTEGER NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (check_id, tick)
) WITHOUT ROWID;
CREATE TABLE last_result (
  check_id TEXT PRIMARY KEY, dataset TEXT NOT NULL, tick INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX last_result_dataset ON last_result (dataset);
CREATE TABLE series (
  id INTEGER PRIMARY KEY, check_id TEXT NOT NULL, metric TEXT NOT NULL, segment TEXT NOT NULL,
  UNIQUE (check_id, metric, segment)
);
-- value has no declared type: integers stay exact, floats stay floats, NULL is no value.
CREATE TABLE observation (
  series INTEGER NOT NULL REFERENCES series (id), at INTEGER NOT NULL, value,
  PRIMARY KEY (series, at)
) WITHOUT ROWID;
CREATE TABLE baseline (
  id INTEGER PRIMARY KEY, check_id TEXT NOT NULL, taken_at INTEGER NOT NULL, accepted_by TEXT NOT NULL, why TEXT NOT NULL, data BLOB NOT NULL
);
CREATE INDEX baseline_check ON baseline (check_id, id);
CREATE TABLE incident (
  id TEXT PRIMARY KEY, check_id TEXT NOT NULL, finding TEXT NOT NULL, opened INTEGER NOT NULL, resolved INTEGER, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX incident_open ON incident (check_id, finding) WHERE resolved IS NULL;
CREATE INDEX incident_opened ON incident (opened);
CREATE TABLE label (
  id INTEGER PRIMARY KEY, check_id TEXT NOT NULL, segment TEXT NOT NULL, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL,
  exclude INTEGER NOT NULL, why TEXT NOT NULL, who TEXT NOT NULL
);
CREATE INDEX label_check ON label (check_id);
CREATE TABLE state (
  kind TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
