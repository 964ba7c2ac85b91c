SELECT coalesce(string_agg(what, ', '), '')
FROM (
  SELECT 'privileges' AS what FROM pg_catalog.pg_class WHERE oid = $1::regclass AND relacl IS NOT NULL
  UNION ALL
  SELECT 'the trigger ' || tgname
  FROM pg_catalog.pg_trigger
  WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgparentid = 0
  UNION ALL
  SELECT 'the policy ' || polname FROM pg_catalog.pg_policy WHERE polrelid = $1::regclass
  UNION ALL
  SELECT 'a storage of another kind'
  FROM pg_catalog.pg_class
  WHERE oid = $1::regclass
    AND (relpersistence <> 'p' OR reltablespace <> 0
      OR relam NOT IN (SELECT oid FROM pg_catalog.pg_am WHERE amname = current_setting('default_table_access_method')))
  UNION ALL
  SELECT 'another parent'
  WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = $1::regclass AND inhparent = $2::regclass
  )
  UNION ALL
  SELECT 'the statistics ' || stxname FROM pg_catalog.pg_statistic_ext WHERE stxrelid = $1::regclass
  UNION ALL
  SELECT 'the sequence ' || d.objid::regclass::text
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::regclass
    AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
  UNION ALL
  SELECT DISTINCT 'the dependent ' || pg_describe_object('pg_catalog.pg_class'::regclass, w.ev_class, 0)
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
  WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::regclass
    AND d.classid = 'pg_catalog.pg_rewrite'::regclass
  UNION ALL
  SELECT 'the foreign key ' || k.conname || ' of ' || k.conrelid::regclass::text
  FROM pg_catalog.pg_constraint k
  WHERE k.contype = 'f' AND k.conparentid = 0 AND $1::regclass IN (k.conrelid, k.confrelid)
  UNION ALL
  SELECT 'partitions' FROM pg_catalog.pg_class WHERE oid = $1::regclass AND relkind <> 'r'
  UNION ALL
  SELECT 'another owner'
  FROM pg_catalog.pg_class c, pg_catalog.pg_class p
  WHERE c.oid = $1::regclass AND p.oid = $2::regclass AND c.relowner <> p.relowner
) own
