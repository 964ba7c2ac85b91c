-- Counts in whole steps from the number that comes next, so that a sequence of every
-- second number keeps its numbers.
WITH q AS (
  SELECT d.seqincrement AS step, s.last_value + CASE WHEN s.is_called THEN d.seqincrement ELSE 0 END AS next,
    (
      SELECT CASE WHEN d.seqincrement > 0 THEN max(f.$column::numeric) ELSE min(f.$column::numeric) END
      FROM $from f
      WHERE f.$column::numeric BETWEEN d.seqmin AND d.seqmax
    ) AS loaded
  FROM $sequence s, pg_catalog.pg_sequence d
  WHERE d.seqrelid = $literal::regclass
), w AS (
  SELECT step, next, floor((loaded - next) / step)::bigint AS steps FROM q
)
SELECT CASE
  WHEN steps IS NULL OR steps < 0 THEN 0
  WHEN steps < 10000 THEN (SELECT count(nextval($literal::regclass)) FROM generate_series(0, w.steps))
  ELSE setval($literal::regclass, next + step * steps)
END
FROM w
