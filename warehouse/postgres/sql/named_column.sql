SELECT 'column', a.attrelid, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod), CASE
  WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod) END, y.typtype::text,
  (NOT a.attnotnull)::text, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.attname = ANY ($names::name[]) OR r.relkind = 'p')
