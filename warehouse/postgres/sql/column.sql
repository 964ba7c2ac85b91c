SELECT 'column', a.attrelid, a.attnum::int, a.attname::text,
  format_type(a.atttypid, a.atttypmod),
  CASE
    WHEN a.typtype = 'd' THEN format_type(a.typbasetype, a.typtypmod)
    WHEN a.typtype = 'e' THEN (
      SELECT string_agg(e.enumlabel, E'\x1f' ORDER BY e.enumsortorder)
      FROM pg_catalog.pg_enum e
      WHERE e.enumtypid = a.atttypid
    )
  END,
  a.typtype::text,
  (NOT a.attnotnull)::text,
  CASE WHEN a.attgenerated = '' THEN pg_get_expr(a.adbin, 0) END, -- 0: no table is opened
  CASE
    WHEN a.attgenerated <> '' THEN coalesce(CASE WHEN a.open THEN pg_get_expr(a.adbin, a.attrelid) END, $unread)
    WHEN a.attidentity = 'a' THEN 'identity always'
    WHEN a.attidentity = 'd' THEN 'identity by default'
  END,
  CASE
    WHEN a.attcollation <> a.typcollation THEN (
      SELECT o.collname::text
      FROM pg_catalog.pg_collation o
      WHERE o.oid = a.attcollation
    )
  END,
  o.description,
  NULL
FROM col a
LEFT JOIN descr o ON o.objoid = a.attrelid AND o.objsubid = a.attnum
