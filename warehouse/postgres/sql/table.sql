SELECT 'table', r.oid, 0,
  r.nspname::text,
  r.relname::text,
  r.relkind::text,
  CASE WHEN r.relrowsecurity THEN row_security_active(r.oid)::text END,
  (r.relkind = 'r' AND r.relhassubclass OR EXISTS (
    SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = r.oid AND k.contype = 'n' AND NOT k.convalidated
  ))::text,
  NULL, NULL, NULL, NULL, NULL
FROM rel r
