(
  SELECT concat_ws(';', resets.at, (
    SELECT string_agg((
      pg_stat_get_tuples_inserted(o) + pg_stat_get_tuples_updated(o) + pg_stat_get_tuples_deleted(o)
    )::text, ',' ORDER BY o)
    FROM unnest('{1259,1249,1247,2610,2606,2604,2611,2609,2618,2615,3350,3501,2620,3256,2224,3118}'::oid[]) o
  ))
  FROM $resets
)
