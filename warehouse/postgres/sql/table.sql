SELECT 'table', r.oid, 0,
  r.nspname::text,
  r.relname::text,
  r.relkind::text,
  CASE WHEN r.relrowsecurity THEN row_security_active(r.oid)::text END,
  NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
