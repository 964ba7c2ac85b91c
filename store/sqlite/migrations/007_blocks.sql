-- A tick writes one row for the values of many datasets, and a series a row for
-- many of its values: to find the place of each by itself was what cost most.
DROP VIEW point;
CREATE TABLE block (
  series INTEGER NOT NULL REFERENCES series (id),
  first INTEGER NOT NULL, last INTEGER NOT NULL, -- the instants of its first and last value: those of a series do not overlap
  n INTEGER NOT NULL,
  points TEXT NOT NULL, -- JSON: [[microseconds after first, value], ...] in the order of time; null is no value
  PRIMARY KEY (series, first)
) WITHOUT ROWID;
INSERT INTO observation (series, at, value) SELECT series, at, value FROM recent WHERE true ON CONFLICT (series, at) DO UPDATE SET value = excluded.value;
INSERT INTO block (series, first, last, n, points)
SELECT series, first, max(at), count(*), '[' || group_concat('[' || (at - first) || ',' || CASE WHEN value IS NULL THEN 'null' ELSE quote(value) END || ']', ',' ORDER BY at) || ']'
FROM (SELECT series, at, value, part, min(at) OVER (PARTITION BY series, part) AS first FROM
  (SELECT series, at, value, (row_number() OVER (PARTITION BY series ORDER BY at) - 1) / 24 AS part FROM observation))
GROUP BY series, part;
DROP TABLE observation;
DROP TABLE recent;

CREATE TABLE recent (
  id INTEGER PRIMARY KEY,
  low INTEGER NOT NULL, high INTEGER NOT NULL, -- the lowest and the highest series in it
  at INTEGER NOT NULL, n INTEGER NOT NULL, -- of the first of them; how many they are
  points TEXT NOT NULL -- JSON: [[series, microseconds after at, value], ...]
);
CREATE INDEX recent_low ON recent (low);

-- For people. Of two values of a series and instant, the one that is recent.
CREATE VIEW point AS
SELECT series, first + json_extract(p.value, '$[0]') AS at, json_extract(p.value, '$[1]') AS value, 0 AS recent FROM block, json_each(points) p
UNION ALL
SELECT json_extract(p.value, '$[0]'), r.at + json_extract(p.value, '$[1]'), json_extract(p.value, '$[2]'), r.id FROM recent r, json_each(points) p;
