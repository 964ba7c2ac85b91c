-- $1: quoted name of a table. $2: name of a type, or ''. $3: column whose type changes, or ''.
WITH RECURSIVE given AS (
  SELECT $1::text::regclass::oid AS rel, to_regtype(nullif($2::text, ''))::oid AS typ, $3::text AS changed
), tree (oid) AS (
  SELECT rel FROM given
  UNION
  SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
), reached (classid, objid) AS (
  (
    SELECT 1247::oid, typ FROM given WHERE typ IS NOT NULL -- pg_type
    UNION ALL
    SELECT 1247, a.atttypid FROM given g JOIN pg_catalog.pg_attribute a ON a.attrelid = g.rel AND a.attname = g.changed
    UNION ALL
    SELECT 2606, k.oid -- pg_constraint
    FROM given g
    JOIN tree t ON g.changed <> ''
    JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('c', 'x')
    UNION ALL
    SELECT 1259, i.indexrelid -- pg_class
    FROM given g
    JOIN tree t ON g.changed <> ''
    JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    UNION ALL
    SELECT 3381, s.oid -- pg_statistic_ext
    FROM given g
    JOIN tree t ON g.changed <> ''
    JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
  )
  UNION
  SELECT n.classid, n.objid
  FROM reached r
  CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid
    FROM pg_catalog.pg_depend d
    WHERE d.classid = r.classid
      AND d.objid = r.objid
      AND r.classid <> 1255 -- pg_proc: its owner is who is trusted
      AND d.deptype IN ('n', 'a', 'i')
      AND (d.refclassid IN (1247, 1255, 2617, 2606) OR d.refclassid = 1259 AND r.classid = 1247) -- 2617: pg_operator
    UNION ALL
    SELECT 2606, k.oid FROM pg_catalog.pg_constraint k WHERE r.classid = 1247 AND k.contypid = r.objid
    UNION ALL
    SELECT 1255, c.castfunc
    FROM pg_catalog.pg_cast c
    WHERE r.classid = 1247 AND r.objid >= 16384 AND r.objid IN (c.castsource, c.casttarget) AND c.castfunc <> 0
  ) n (classid, objid)
), own AS (
  SELECT y.*, n.nspname
  FROM reached r
  JOIN pg_catalog.pg_type y ON r.classid = 1247 AND y.oid = r.objid
  JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
  WHERE n.nspname <> 'pg_catalog' OR y.typtype NOT IN ('b', 'r', 'm')
), called AS (
  SELECT p.*, n.nspname
  FROM reached r
  JOIN pg_catalog.pg_proc p ON r.classid = 1255 AND p.oid = r.objid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
)
SELECT 'name', CASE
  WHEN n.nspname = 'pg_catalog' THEN $2::text
  ELSE quote_ident(n.nspname) || '.' || quote_ident(y.typname)
END
FROM given g
JOIN pg_catalog.pg_type y ON y.oid = g.typ
JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
UNION ALL
SELECT 'own', concat(
  CASE y.typtype
    WHEN 'd' THEN 'domain ' WHEN 'e' THEN 'enum ' WHEN 'c' THEN 'composite type '
    WHEN 'r' THEN 'range type ' WHEN 'm' THEN 'multirange type ' ELSE 'type '
  END,
  y.nspname, '.', y.typname, ' of ', pg_get_userbyid(y.typowner),
  CASE WHEN y.typdefault IS NOT NULL THEN ' default ' || y.typdefault END,
  (
    SELECT ' ' || string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
    FROM pg_catalog.pg_constraint k
    WHERE k.contypid = y.oid
  )
)
FROM own y
WHERE y.typelem = 0 OR y.typlen <> -1 -- the elements of an array stand for it
UNION ALL
SELECT 'runs', concat(p.nspname, '.', p.proname, ' of ', pg_get_userbyid(p.proowner))
FROM called p
JOIN pg_catalog.pg_roles o ON o.oid = p.proowner AND NOT o.rolsuper
UNION ALL
SELECT 'runs', concat(n.nspname, '.', p.proname, ' of ', o.rolname, ' by the event trigger ', e.evtname)
FROM pg_catalog.pg_event_trigger e
JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_roles o ON o.oid = p.proowner AND NOT o.rolsuper
WHERE e.evtenabled IN ('O', 'A')
  AND e.evtevent IN ('ddl_command_start', 'ddl_command_end', 'table_rewrite', 'sql_drop')
  AND (e.evttags IS NULL OR 'ALTER TABLE' = ANY (e.evttags))
UNION ALL
SELECT 'digest', md5(string_agg(f.v, '|' ORDER BY f.v))
FROM (
  SELECT concat_ws(' ', y.oid, y.typowner, y.typtype, y.typdefaultbin::text) FROM own y
  UNION ALL
  SELECT concat_ws(' ', k.oid, k.conbin::text)
  FROM own y
  JOIN pg_catalog.pg_constraint k ON k.contypid = y.oid
  UNION ALL
  SELECT concat_ws(' ', p.oid, p.proowner, p.prosrc, p.probin) FROM called p WHERE p.oid >= 16384
) f (v)
HAVING count(*) > 0
ORDER BY 1, 2
