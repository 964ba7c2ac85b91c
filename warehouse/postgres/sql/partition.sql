SELECT 'partition', t.oid, 0, c.relname::text, pg_get_expr(c.relpartbound, 0), c.reltuples::text,
  CASE WHEN h.inhparent <> t.oid THEN (SELECT p.relname::text FROM pg_catalog.pg_class p WHERE p.oid = h.inhparent) END,
  (
    SELECT CASE p.partstrat WHEN 'r' THEN 'range' WHEN 'l' THEN 'list' ELSE 'hash' END || ' (' || (
      SELECT string_agg(coalesce(quote_ident(a.attname), 'expression'), ', ' ORDER BY u.n)
      FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u(att, n)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.att AND u.att > 0
    ) || ')'
    FROM pg_catalog.pg_partitioned_table p
    WHERE p.partrelid = c.oid
  ),
  NULL, NULL, NULL, NULL, NULL
FROM tree t
JOIN pg_catalog.pg_inherits h ON h.inhrelid = t.leaf
JOIN pg_catalog.pg_class c ON c.oid = t.leaf
JOIN rel r ON r.oid = t.oid AND r.relkind = 'p'
WHERE t.leaf <> t.oid
