WITH c AS (
  SELECT * FROM pg_catalog.pg_class WHERE oid = $1::regclass
), columns AS (
  SELECT a.*
  FROM c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
), options (part, setting) AS (
  SELECT 1, quote_ident(split_part(o, '=', 1)) || ' = ' || quote_literal(substr(o, strpos(o, '=') + 1))
  FROM c, unnest(c.reloptions) o
  UNION ALL
  SELECT 2, 'toast.' || quote_ident(split_part(o, '=', 1)) || ' = ' || quote_literal(substr(o, strpos(o, '=') + 1))
  FROM c
  JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid, unnest(t.reloptions) o
)
SELECT 'staged', 'ALTER TABLE ' || $2::text || ' SET (' || string_agg(setting, ', ') || ')'
FROM options
HAVING count(*) > 0
UNION ALL
SELECT 'staged', 'COMMENT ON TABLE ' || $2::text || ' IS ' || quote_literal(obj_description(c.oid, 'pg_class'))
FROM c
WHERE obj_description(c.oid, 'pg_class') IS NOT NULL
UNION ALL
SELECT 'staged', 'ALTER TABLE ' || $2::text || ' ALTER COLUMN ' || quote_ident(a.attname) || ' SET STATISTICS '
  || a.attstattarget
FROM columns a
WHERE a.attstattarget >= 0
UNION ALL
SELECT 'staged', 'ALTER TABLE ' || $2::text || ' ALTER COLUMN ' || quote_ident(a.attname) || ' SET (' || (
  SELECT string_agg(quote_ident(split_part(o, '=', 1)) || ' = ' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ')
  FROM unnest(a.attoptions) o
) || ')'
FROM columns a
WHERE a.attoptions IS NOT NULL
UNION ALL
SELECT 'staged', 'ALTER TABLE ' || $2::text || ' REPLICA IDENTITY '
  || CASE c.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
FROM c
WHERE c.relreplident IN ('f', 'n')
UNION ALL
SELECT 'swapped', 'ALTER TABLE ' || $2::text || ' OWNER TO ' || quote_ident(pg_get_userbyid(c.relowner))
FROM c
WHERE c.relowner <> (SELECT n.relowner FROM pg_catalog.pg_class n WHERE n.oid = $2::regclass)
UNION ALL
SELECT 'swapped', 'ALTER TABLE ' || $2::text || ' ENABLE ROW LEVEL SECURITY'
FROM c
WHERE c.relrowsecurity
UNION ALL
SELECT 'swapped', 'ALTER TABLE ' || $2::text || ' FORCE ROW LEVEL SECURITY'
FROM c
WHERE c.relforcerowsecurity
