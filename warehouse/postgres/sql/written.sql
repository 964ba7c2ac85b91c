SELECT 'written', r.oid, 0,
  (
    pg_stat_get_tuples_inserted(r.oid) + pg_stat_get_tuples_updated(r.oid)
    + pg_stat_get_tuples_deleted(r.oid)
  )::text,
  r.oid::text,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
WHERE r.relkind IN ('r','m')
UNION ALL
SELECT 'written', r.oid, 0,
  sum(
    pg_stat_get_tuples_inserted(r.leaf) + pg_stat_get_tuples_updated(r.leaf)
    + pg_stat_get_tuples_deleted(r.leaf)
  )::text,
  string_agg(r.leaf::text, E'\x1f'),
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r
GROUP BY r.oid
