SELECT CASE
  WHEN current_setting('session_replication_role') = 'replica' THEN
    'sessions of ' || current_user || ' have session_replication_role = replica, which switches foreign keys and '
      || 'triggers off: set it to origin for the account of repair_dsn'
  WHEN pg_catalog.row_security_active(c.oid) THEN
    'row security hides rows of ' || c.oid::regclass::text || ' from ' || current_user
      || ': use a repair_dsn whose account sees all of them'
  ELSE ''
END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
