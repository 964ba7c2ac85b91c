-- The newest values of all series wait in a small table, and go to their series
-- many at a time: else every tick would change one page a series. point is both;
-- of a value that is in both, the newer one.
CREATE TABLE recent (
  series INTEGER NOT NULL REFERENCES series (id), at INTEGER NOT NULL, value,
  PRIMARY KEY (series, at)
) WITHOUT ROWID;
CREATE VIEW point AS
SELECT series, at, value FROM recent
UNION ALL SELECT series, at, value FROM observation o WHERE NOT EXISTS (SELECT 1 FROM recent r WHERE r.series = o.series AND r.at = o.at);

-- No question uses it, and every tick wrote it anew.
DROP INDEX last_result_dataset;
