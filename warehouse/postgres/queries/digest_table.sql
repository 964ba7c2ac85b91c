WITH t AS (SELECT $1::regclass::oid AS oid), rows (r) AS (
  SELECT concat(c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relacl)
  FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid
  UNION ALL
  SELECT a::text FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
  UNION ALL
  SELECT concat(d.adnum, d.adbin) FROM t JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid
  UNION ALL
  SELECT d::text
  FROM t JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
  UNION ALL
  SELECT i::text FROM t JOIN pg_catalog.pg_inherits i ON t.oid IN (i.inhparent, i.inhrelid)
  UNION ALL
  SELECT p::text FROM t JOIN pg_catalog.pg_publication_rel p ON p.prrelid = t.oid
)
SELECT md5(string_agg(r, '|' ORDER BY r)) FROM rows
