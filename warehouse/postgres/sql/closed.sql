SELECT 'closed', r.oid, 0,
  x.pid::text,
  x.granted::text,
  (SELECT extract(epoch FROM a.query_start)::text FROM pg_stat_get_activity(x.pid) a),
  CASE WHEN x.lock <> r.oid THEN (SELECT b.relname::text FROM pg_catalog.pg_class b WHERE b.oid = x.lock) END,
  NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN closed x ON x.oid = r.oid
