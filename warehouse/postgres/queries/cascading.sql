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
SELECT DISTINCT k.conrelid::regclass::text
FROM pg_catalog.pg_constraint k
JOIN parts p ON p.oid = k.confrelid
WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')
ORDER BY 1
