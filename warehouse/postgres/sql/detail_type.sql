SELECT 'type', c.root, c.level, f.fact, f.value, f.stored, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (
  WITH RECURSIVE chain(root, type, level) AS (
    SELECT DISTINCT a.atttypid, a.atttypid, 0
    FROM col a
    WHERE a.typnamespace <> 11
    UNION ALL
    SELECT c.root, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END, c.level + 1
    FROM chain c
    CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_type y WHERE y.oid = c.type OFFSET 0) t -- looked up
    WHERE t.typtype = 'd' OR t.typcategory = 'A' AND t.typelem <> 0
  )
  SELECT root, type, level FROM chain
) c
CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_type y WHERE y.oid = c.type OFFSET 0) t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
CROSS JOIN LATERAL (
  VALUES
    ('type', n.nspname || '.' || t.typname, t.oid::text),
    ('labels', CASE WHEN t.typtype = 'e' AND c.level > 0 THEN (
      SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
      FROM pg_catalog.pg_enum e
      WHERE e.enumtypid = t.oid
    ) END, NULL),
    ('attributes', CASE WHEN t.typtype = 'c' THEN (
      SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) END, NULL),
    ('range of', CASE WHEN t.typtype = 'r' THEN (
      SELECT format_type(g.rngsubtype, NULL) FROM pg_catalog.pg_range g WHERE g.rngtypid = t.oid
    ) END, NULL),
    ('domain of', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, NULL),
    ('domain not null', CASE WHEN t.typtype = 'd' AND t.typnotnull THEN 'not null' END, NULL),
    ('domain default', CASE WHEN t.typtype = 'd' THEN t.typdefault END, md5(t.typdefaultbin::text)),
    ('domain collation', CASE WHEN t.typtype = 'd' THEN (
      SELECT o.collname::text
      FROM pg_catalog.pg_collation o
      JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
      WHERE o.oid = t.typcollation AND o.oid <> b.typcollation
    ) END, NULL),
    ('domain checks', CASE WHEN t.typtype = 'd' THEN (
      SELECT string_agg(pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname)
      FROM pg_catalog.pg_constraint k
      WHERE k.contypid = t.oid AND k.contype = 'c'
    ) END, CASE WHEN t.typtype = 'd' THEN (
      SELECT md5(string_agg(k.convalidated || ' ' || k.conbin::text, ', ' ORDER BY k.conname))
      FROM pg_catalog.pg_constraint k
      WHERE k.contypid = t.oid AND k.contype = 'c'
    ) END)
) f(fact, value, stored)
WHERE f.value IS NOT NULL AND t.typnamespace <> 11
