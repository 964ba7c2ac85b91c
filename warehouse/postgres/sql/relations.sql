-- No lock is waited for. A relation under an ACCESS EXCLUSIVE lock, held or waited for, is
-- not open: what needs pg_get_expr, pg_get_indexdef or pg_get_viewdef of it, which lock it,
-- is unread. A lock that comes while this runs ends it soon, and it is sent again.
WITH RECURSIVE guard AS MATERIALIZED (
  -- Texts of the catalog depend on these settings. They hold for this statement alone.
  SELECT (array_remove(current_schemas(false), 'pg_catalog'))[1]::text AS default_schema,
    set_config('lock_timeout', '80ms', true),
    set_config('search_path', 'pg_catalog', true), set_config('quote_all_identifiers', 'off', true),
    set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true)
),
locked AS MATERIALIZED (
  SELECT DISTINCT ON (l.relation) l.relation AS oid, l.pid, l.granted
  FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  ORDER BY l.relation, l.granted DESC, l.pid
),
closed AS MATERIALIZED (
  SELECT oid, pid, granted, oid AS lock FROM locked
  UNION ALL
  (
    SELECT DISTINCT ON (w.ev_class) w.ev_class, l.pid, l.granted, l.oid
    FROM locked l
    JOIN pg_catalog.pg_depend d ON d.refclassid = 1259 AND d.refobjid = l.oid AND d.classid = 2618
    JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
    WHERE w.ev_class NOT IN (SELECT oid FROM locked)
    ORDER BY w.ev_class, l.granted DESC, l.oid
  )
  UNION ALL
  (
    SELECT DISTINCT ON (p.polrelid) p.polrelid, l.pid, l.granted, l.oid
    FROM locked l
    JOIN pg_catalog.pg_depend d ON d.refclassid = 1259 AND d.refobjid = l.oid AND d.classid = 3256
    JOIN pg_catalog.pg_policy p ON p.oid = d.objid
    WHERE p.polrelid NOT IN (SELECT oid FROM locked)
    ORDER BY p.polrelid, l.granted DESC, l.oid
  )
),
descr AS $materialized (
  SELECT objoid, objsubid, description
  FROM pg_catalog.pg_description
  WHERE classoid = 1259
),
rel AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, c.relrowsecurity,
    c.relhasrules, c.relhastriggers, c.relhassubclass,
    $whole AND NOT EXISTS (SELECT FROM closed x WHERE x.oid = c.oid) AS open
  FROM guard CROSS JOIN $scope
  WHERE coalesce(c.relkind IN ('r','p','v','m','f'), false)
),
att AS MATERIALIZED (
  SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attidentity,
    a.attcollation, a.attfdwoptions, d.adbin, r.open
  FROM rel r
  JOIN pg_catalog.pg_attribute a ON a.attrelid/*cast*/ = r.oid/*cast*/ AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
),
-- Every relation has a type of its own, and columns are of few types. OFFSET makes the
-- planner look those up, whatever it expects.
typ AS MATERIALIZED (
  SELECT y.oid, y.typtype, y.typnamespace, y.typbasetype, y.typtypmod, y.typcollation
  FROM (SELECT DISTINCT atttypid FROM att) a
  CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid OFFSET 0) y
),
col AS MATERIALIZED (
  SELECT a.*, y.typtype, y.typnamespace, y.typbasetype, y.typtypmod, y.typcollation
  FROM att a
  JOIN typ y ON y.oid = a.atttypid
),
tree AS (
  SELECT oid, oid AS leaf FROM rel WHERE relkind = 'p'
  UNION ALL
  SELECT t.oid, h.inhrelid FROM tree t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.leaf
)
