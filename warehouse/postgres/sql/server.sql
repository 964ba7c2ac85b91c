SELECT 'server', 0::oid, 0, extract(epoch FROM clock_timestamp())::text, pg_is_in_recovery()::text,
  (SELECT default_schema FROM guard), $relations, NULL, NULL, NULL, NULL, NULL, NULL
