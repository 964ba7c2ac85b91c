-- The outer join keeps the planner's estimate: one table a name.
unnest($1::text[], $2::text[], $3::bool[]) w(nspname, relname, whole)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
  JOIN pg_catalog.pg_class c ON c.relname = w.relname AND c.relnamespace = coalesce(n.oid, 0)
