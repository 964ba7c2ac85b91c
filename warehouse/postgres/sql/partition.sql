SELECT 'partition', h.inhparent, 0, c.relname::text, pg_get_expr(c.relpartbound, 0), c.reltuples::text,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_inherits h ON h.inhparent = r.oid
JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
WHERE r.relkind = 'p'
