-- TRUNCATE is not counted, but gives a relation another file. A reset of the counters could
-- bring an old number back.
SELECT 'written', r.oid, 0,
  (
    pg_stat_get_tuples_inserted(r.oid) + pg_stat_get_tuples_updated(r.oid)
    + pg_stat_get_tuples_deleted(r.oid)
  )::text,
  r.oid::text,
  concat_ws(' ', pg_relation_filenode(r.oid), resets.at),
  NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r CROSS JOIN $resets
WHERE r.relkind IN ('r','m') AND NOT r.relhassubclass
UNION ALL
SELECT 'written', r.oid, 0,
  sum(
    pg_stat_get_tuples_inserted(r.leaf) + pg_stat_get_tuples_updated(r.leaf)
    + pg_stat_get_tuples_deleted(r.leaf)
  )::text,
  string_agg(r.leaf::text, E'\x1f'),
  concat_ws(' ', string_agg(coalesce(pg_relation_filenode(r.leaf), r.leaf)::text, ' ' ORDER BY r.leaf), min(resets.at)),
  NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r CROSS JOIN $resets
GROUP BY r.oid
