-- Outer joins keep the planner's estimate, about one table a name, by which it chooses
-- between the indexes of the catalogs, for few of many tables, and one pass over them.
unnest($1::text[], $2::text[], $3::bool[]) w(nspname, relname, whole)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
  LEFT JOIN pg_catalog.pg_class c ON c.relname = w.relname AND c.relnamespace = coalesce(n.oid, 0)
