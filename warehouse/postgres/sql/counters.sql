SELECT 'server', 0::oid,
  extract(epoch FROM clock_timestamp())::text,
  pg_is_in_recovery()::text,
  $stamp
UNION ALL
SELECT 'written', r.t,
  sum(
    pg_stat_get_tuples_inserted(r.leaf) + pg_stat_get_tuples_updated(r.leaf)
    + pg_stat_get_tuples_deleted(r.leaf)
  )::text,
  NULL, NULL
FROM unnest($1::oid[], $2::oid[]) r(t, leaf)
GROUP BY r.t
