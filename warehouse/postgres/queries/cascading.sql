SELECT DISTINCT conrelid::regclass::text
FROM pg_constraint
WHERE contype = 'f'
  AND confdeltype IN ('c', 'n', 'd')
  AND confrelid IN (
    SELECT c.oid
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2
  )
ORDER BY 1
