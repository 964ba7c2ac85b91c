WITH t AS (
  SELECT c.oid
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2
), found AS (
  SELECT d.refobjsubid AS attnum, d.objid AS seq
  FROM t
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.deptype = 'i'
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0
  UNION
  SELECT f.adnum, d.refobjid
  FROM t
  JOIN pg_catalog.pg_attrdef f ON f.adrelid = t.oid
  JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
)
SELECT a.attname::text, quote_ident(n.nspname) || '.' || quote_ident(s.relname), CASE
  WHEN has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(s.oid, 'SELECT')
    AND has_sequence_privilege(s.oid, 'UPDATE') THEN ''
  ELSE 'the sequence ' || s.oid::regclass::text || ', which numbers ' || a.attname || ', could not be moved past the '
    || 'loaded numbers: GRANT SELECT, UPDATE ON SEQUENCE ' || s.oid::regclass::text || ' TO '
    || quote_ident(current_user)
END
FROM found
JOIN t ON true
JOIN pg_catalog.pg_class s ON s.oid = found.seq AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = found.attnum
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid AND y.typcategory = 'N'
ORDER BY 1, 2
