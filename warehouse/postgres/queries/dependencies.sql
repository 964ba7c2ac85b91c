WITH t AS (SELECT $1::oid AS oid)
SELECT 'depends', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), coalesce(a.attname::text, '')
FROM t
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
LEFT JOIN pg_catalog.pg_attribute a
  ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE d.deptype IN ('n', 'a')
  AND d.classid IN (
    'pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_trigger'::regclass
  )
  OR d.deptype = 'n' AND d.classid = 'pg_catalog.pg_attrdef'::regclass
UNION ALL
SELECT 'published', p.pubname::text, ''
FROM t
JOIN pg_catalog.pg_class c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_publication_tables p ON p.schemaname = n.nspname AND p.tablename = c.relname
UNION ALL
SELECT 'extension', e.extname::text, ''
FROM t
JOIN pg_catalog.pg_depend d
  ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
UNION ALL
SELECT 'privileges', coalesce(c.relacl::text, '') || c.relowner::text, ''
FROM t
JOIN pg_catalog.pg_class c ON c.oid = t.oid
UNION ALL
SELECT 'version', pg_catalog.current_setting('server_version_num'), ''
ORDER BY 1, 2, 3
