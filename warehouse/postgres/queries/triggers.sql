SELECT tgname
FROM pg_trigger
WHERE NOT tgisinternal
  AND tgenabled <> 'D'
  AND tgrelid IN (
    SELECT c.oid
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2
  )
ORDER BY 1
