-- One incident a dataset, with its findings in the body. Go code fills the new table from
-- the old one, which had one incident a finding.
ALTER TABLE incident RENAME TO old_incident;
DROP INDEX incident_open;
DROP INDEX incident_opened;
DROP INDEX incident_resolved;

CREATE TABLE incident (
  id TEXT PRIMARY KEY,
  dataset TEXT NOT NULL, -- warehouse.schema.table
  opened INTEGER NOT NULL,
  resolved INTEGER, -- NULL while open
  body BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX incident_open ON incident (dataset) WHERE resolved IS NULL;
CREATE INDEX incident_opened ON incident (opened);
CREATE INDEX incident_resolved ON incident (resolved) WHERE resolved IS NOT NULL;
