WITH RECURSIVE descr AS $materialized (
  SELECT objoid, objsubid, description
  FROM pg_catalog.pg_description
  WHERE classoid = 1259
),
rel AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, c.relrowsecurity
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r','p','v','m','f') AND $filter
),
tree AS (
  SELECT oid, oid AS leaf FROM rel WHERE relkind = 'p'
  UNION ALL
  SELECT t.oid, h.inhrelid FROM tree t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.leaf
)
