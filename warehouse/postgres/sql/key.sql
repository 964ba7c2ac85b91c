SELECT 'key', k.conrelid, 0,
  k.conname::text,
  k.contype::text,
  array_to_string(k.conkey, ' '),
  fn.nspname::text,
  fc.relname::text,
  CASE
    WHEN k.contype = 'f' THEN (
      SELECT string_agg(a.attname, E'\x1f' ORDER BY u.n)
      FROM unnest(k.confkey) WITH ORDINALITY u(att, n)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.att
    )
  END,
  k.confupdtype::text,
  k.confdeltype::text,
  NULL, NULL
FROM rel r
JOIN pg_catalog.pg_constraint k ON k.conrelid/*cast*/ = r.oid/*cast*/
LEFT JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
WHERE k.contype IN ('p','u','f')
