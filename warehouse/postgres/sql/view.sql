SELECT 'view', r.oid, 0,
  coalesce(CASE WHEN r.open THEN pg_get_viewdef(r.oid) END, $unread),
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
WHERE r.relkind IN ('v','m')
