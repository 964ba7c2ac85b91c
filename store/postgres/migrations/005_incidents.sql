-- One incident a dataset, with its findings in the body. Go code fills the new table from
-- the old one, which had one incident a finding.
ALTER TABLE incident RENAME TO old_incident;
ALTER TABLE old_incident RENAME CONSTRAINT incident_pkey TO old_incident_pkey;
DROP INDEX incident_open;
DROP INDEX incident_opened;
DROP INDEX incident_resolved;

CREATE TABLE incident (
  id TEXT PRIMARY KEY,
  dataset TEXT NOT NULL,
  opened BIGINT NOT NULL,
  resolved BIGINT,
  body BYTEA NOT NULL
);
CREATE UNIQUE INDEX incident_open ON incident (dataset) WHERE resolved IS NULL;
CREATE INDEX incident_opened ON incident (opened);
CREATE INDEX incident_resolved ON incident (resolved) WHERE resolved IS NOT NULL;
