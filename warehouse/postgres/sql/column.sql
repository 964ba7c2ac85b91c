SELECT 'column', a.attrelid, a.attnum::int, a.attname::text,
  format_type(a.atttypid, a.atttypmod),
  CASE
    WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod)
    WHEN y.typtype = 'e' THEN (
      SELECT string_agg(e.enumlabel, E'\x1f' ORDER BY e.enumsortorder)
      FROM pg_catalog.pg_enum e
      WHERE e.enumtypid = y.oid
    )
  END,
  y.typtype::text,
  (NOT a.attnotnull)::text,
  CASE WHEN a.atthasdef AND a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
  CASE
    WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid)
    WHEN a.attidentity = 'a' THEN 'identity always'
    WHEN a.attidentity = 'd' THEN 'identity by default'
  END,
  CASE
    WHEN a.attcollation <> y.typcollation THEN (
      SELECT o.collname::text
      FROM pg_catalog.pg_collation o
      WHERE o.oid = a.attcollation
    )
  END,
  o.description,
  NULL
FROM rel r
JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN descr o ON o.objoid = a.attrelid AND o.objsubid = a.attnum
LEFT JOIN pg_catalog.pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
