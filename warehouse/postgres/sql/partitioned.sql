SELECT 'partitioned', p.partrelid, 0,
  p.partstrat::text,
  (
    SELECT string_agg(coalesce(a.attname::text, '()'), E'\x1f' ORDER BY u.n)
    FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u(att, n)
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.att AND u.att > 0
  ),
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = r.oid
