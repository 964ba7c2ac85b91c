SELECT
  r.rolsuper::text,
  r.rolbypassrls::text,
  (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p'))::text,
  (
    SELECT count(*)
    FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p')
      AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
      AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'DELETE'))
  )::text,
  (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relrowsecurity)::text
FROM pg_catalog.pg_roles r
WHERE r.rolname = current_user
