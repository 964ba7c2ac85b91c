SELECT 'view', r.oid, 0, pg_get_viewdef(r.oid), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
WHERE r.relkind IN ('v','m')
