SELECT 'estimate', r.oid, 0,
  r.reltuples::text,
  (r.relpages::bigint * 8192)::text,
  extract(epoch FROM greatest(
    pg_stat_get_last_analyze_time(r.oid), pg_stat_get_last_autoanalyze_time(r.oid)
  ))::text,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
WHERE r.relkind IN ('r','m')
UNION ALL
SELECT 'estimate', r.oid, 0,
  CASE
    WHEN bool_or(l.reltuples < 0 AND l.relpages > 0) THEN '-1'
    ELSE sum(greatest(l.reltuples, 0))::text
  END,
  (sum(l.relpages)::bigint * 8192)::text,
  extract(epoch FROM min(greatest(
    pg_stat_get_last_analyze_time(l.oid), pg_stat_get_last_autoanalyze_time(l.oid)
  )))::text,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r
JOIN pg_catalog.pg_class l ON l.oid = r.leaf
WHERE l.relkind <> 'p'
GROUP BY r.oid
