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
  SELECT 'partitions' FROM pg_catalog.pg_class WHERE oid = $1::regclass AND relkind <> 'r'
  UNION ALL
  SELECT 'another owner'
  FROM pg_catalog.pg_class c, pg_catalog.pg_class p
  WHERE c.oid = $1::regclass AND p.oid = $2::regclass AND c.relowner <> p.relowner
) own
