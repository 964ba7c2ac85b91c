-- Triggers that fire in sessions of replication alone do not fire for a repair.
WITH t AS (
  SELECT c.oid
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2
), parts AS (
  SELECT oid FROM t
  UNION
  SELECT p.relid::oid FROM t, pg_catalog.pg_partition_tree(t.oid) p
)
SELECT DISTINCT g.tgname::text
FROM pg_catalog.pg_trigger g
JOIN parts p ON p.oid = g.tgrelid
WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
ORDER BY 1
