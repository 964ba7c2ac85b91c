-- Everything that the catalog says of a partition, without numbers of objects.
WITH c AS (
  SELECT * FROM pg_catalog.pg_class WHERE oid = $1::regclass
), columns AS (
  SELECT a.*, row_number() OVER (ORDER BY a.attnum) AS rank
  FROM c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT f.fact, f.value
FROM c
CROSS JOIN LATERAL (
  VALUES
    ('owner', pg_get_userbyid(c.relowner)::text),
    ('privileges', c.relacl::text),
    ('storage options', (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(c.reloptions) o)),
    ('storage options of long values', (
      SELECT string_agg(o, ', ' ORDER BY o)
      FROM pg_catalog.pg_class t, unnest(t.reloptions) o
      WHERE t.oid = c.reltoastrelid
    )),
    ('tablespace', (SELECT s.spcname::text FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace)),
    ('access method', (SELECT m.amname::text FROM pg_catalog.pg_am m WHERE m.oid = c.relam)),
    ('persistence', c.relpersistence::text),
    ('row security', concat(c.relrowsecurity, c.relforcerowsecurity)),
    ('replica identity', concat_ws(' ', c.relreplident, (
      SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident
    ))),
    ('comment', obj_description(c.oid, 'pg_class')),
    ('parent', (SELECT h.inhparent::regclass::text FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid))
) f(fact, value)
UNION ALL
SELECT 'column ' || a.attname, concat_ws(' | ', a.rank, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attcollation, a.attstorage,
  to_jsonb(a)->>'attcompression', 'statistics ' || coalesce(a.attstattarget, -1), a.attoptions::text, a.attacl::text,
  'comment ' || col_description(a.attrelid, a.attnum))
FROM columns a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT 'constraint ' || k.conname, concat_ws(' | ', pg_get_constraintdef(k.oid),
  k.contype = 'c' AND k.connoinherit, k.convalidated, obj_description(k.oid, 'pg_constraint'))
FROM c
JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype <> 't'
UNION ALL
SELECT 'index ' || x.relname, concat_ws(' | ',
  m.amname, i.indisunique, i.indisprimary, i.indisclustered, i.indisvalid, (
    SELECT string_agg(pg_get_indexdef(i.indexrelid, n, false), ', ' ORDER BY n) FROM generate_series(1, i.indnatts) n
  ), i.indnkeyatts, i.indoption, i.indclass, i.indcollation, pg_get_expr(i.indpred, i.indrelid),
  to_jsonb(i)->>'indnullsnotdistinct', x.reloptions::text, x.reltablespace, obj_description(x.oid, 'pg_class'), (
    SELECT string_agg(a.attnum || ' ' || a.attstattarget, ', ' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = x.oid AND a.attstattarget >= 0
  ), (SELECT 'of ' || h.inhparent::regclass::text FROM pg_catalog.pg_inherits h WHERE h.inhrelid = x.oid))
FROM c
JOIN pg_catalog.pg_index i ON i.indrelid = c.oid
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = x.relam
UNION ALL
SELECT 'trigger ' || t.tgname, concat_ws(' | ', pg_get_triggerdef(t.oid), t.tgenabled)
FROM c
JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'rule ' || w.rulename, concat_ws(' | ', pg_get_ruledef(w.oid), w.ev_enabled)
FROM c
JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid
UNION ALL
SELECT 'policy ' || p.polname, concat_ws(' | ', p.polcmd, p.polpermissive, p.polroles::text,
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM c
JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
UNION ALL
SELECT 'statistics ' || s.stxname, pg_get_statisticsobjdef(s.oid)
FROM c
JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = c.oid
UNION ALL
SELECT 'reference from ' || k.conrelid::regclass::text, pg_get_constraintdef(k.oid)
FROM c
JOIN pg_catalog.pg_constraint k ON k.confrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0
UNION ALL
SELECT DISTINCT 'use in ' || pg_describe_object('pg_catalog.pg_class'::regclass, w.ev_class, 0), ''
FROM c
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
  AND d.classid = 'pg_catalog.pg_rewrite'::regclass
JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
UNION ALL
SELECT 'sequence ' || d.objid::regclass::text, ''
FROM c
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
UNION ALL
SELECT 'publication ' || p.pubname, ''
FROM c
JOIN pg_catalog.pg_publication_rel r ON r.prrelid = c.oid
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
UNION ALL
SELECT 'security label of ' || l.provider, l.label
FROM c
JOIN pg_catalog.pg_seclabel l ON l.objoid = c.oid AND l.classoid = 'pg_catalog.pg_class'::regclass
ORDER BY 1, 2
