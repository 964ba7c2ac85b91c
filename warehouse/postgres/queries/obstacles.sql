WITH t AS (
  SELECT c.oid, c.relkind
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2
), parts AS (
  SELECT oid FROM t
  UNION
  SELECT p.relid::oid FROM t, pg_catalog.pg_partition_tree(t.oid) p
), published AS (
  SELECT DISTINCT p.pubname, p.pubinsert AND p.pubupdate AND p.pubdelete AS whole,
    (p.pubupdate OR p.pubdelete)
      AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
      )) AS nameless
  FROM parts
  JOIN pg_catalog.pg_class c ON c.oid = parts.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_publication_tables l ON l.schemaname = n.nspname AND l.tablename = c.relname
  JOIN pg_catalog.pg_publication p ON p.pubname = l.pubname
)
SELECT '', 'refuse', '', i.inhrelid::regclass::text || ' inherits from it, and its rows would be moved'
FROM t
JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
WHERE t.relkind = 'r'
UNION ALL
SELECT '', 'refuse', '', 'the rule ' || r.rulename || ' rewrites what is written to it'
FROM t
JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid
WHERE r.rulename <> '_RETURN' AND r.ev_type <> '1' AND r.ev_enabled IN ('O', 'A')
UNION ALL
SELECT '', 'refuse', '', 'its partition ' || c.oid::regclass::text || ' is a foreign table'
FROM parts
JOIN pg_catalog.pg_class c ON c.oid = parts.oid
WHERE c.relkind = 'f'
UNION ALL
SELECT DISTINCT '', 'approve', '', 'foreign keys of ' || g.tgrelid::regclass::text
  || ' are switched off (DISABLE TRIGGER)'
FROM parts
JOIN pg_catalog.pg_trigger g ON g.tgrelid = parts.oid
WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R')
UNION ALL
SELECT '', 'approve', '', 'it belongs to the extension ' || e.extname
FROM t
JOIN pg_catalog.pg_depend d
  ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
UNION ALL
SELECT '', 'refuse', '', 'the publication ' || pubname || ' cannot publish deletions of it: it has no replica identity'
FROM published
WHERE nameless
UNION ALL
SELECT '', 'approve', '', 'the publication ' || pubname || ' publishes some kinds of changes alone, so that its '
  || 'subscribers would hold other rows'
FROM published
WHERE NOT whole AND NOT nameless
UNION ALL
SELECT 'swap', 'refuse', '', 'the publication ' || pubname || ' does not tell its subscribers of a swapped partition'
FROM published
UNION ALL
SELECT '', 'approve', '', 'the publication ' || p.pubname || ' publishes the tables in which rows are staged too, '
  || 'which its subscribers may not have'
FROM t, pg_catalog.pg_publication p
WHERE p.puballtables OR EXISTS (
  SELECT FROM pg_catalog.pg_publication_tables l WHERE l.pubname = p.pubname AND l.schemaname = 'sentinel'
)
UNION ALL
SELECT 'swap', 'approve', '', 'the event trigger ' || v.evtname || ' runs when a partition is swapped'
FROM t, pg_catalog.pg_event_trigger v
WHERE v.evtenabled IN ('O', 'A')
UNION ALL
SELECT DISTINCT 'merge', 'refuse', a.attname::text, 'updating ' || a.attname || ' would change rows of '
  || k.conrelid::regclass::text || ' too, because of a foreign key (ON UPDATE)'
FROM parts
JOIN pg_catalog.pg_constraint k ON k.confrelid = parts.oid AND k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd')
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
ORDER BY 1, 2, 3, 4
