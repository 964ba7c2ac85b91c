-- What stands in the catalog: group, table, table's identity, object's identity, name, definition, text.
-- A definition has numbers instead of names, which stay when something is renamed; the text beside it has names. An
-- object has changed if both have: a default and an index follow the type of their column without a change of text.
WITH r AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r','p','v','m') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog','information_schema') AND n.nspname NOT LIKE 'pg\_%'
)
SELECT 'table', r.name, r.oid::text, '', r.relkind::text, '', '' FROM r
UNION ALL
SELECT 'column', r.name, r.oid::text, a.attnum::text, a.attname::text, '', ''
FROM r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'type', r.name, r.oid::text, a.attnum::text, a.attname::text,
  concat_ws(' ', -- varchar without a length is text by another name
    CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod = -1 THEN 'text'::regtype ELSE a.atttypid END::oid,
    CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod = -1 THEN 'text' ELSE t.typname END, a.atttypmod, t.typbasetype,
    (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid IN (t.oid, t.typelem)),
    (SELECT string_agg(s.attname || s.atttypid, ',' ORDER BY s.attnum) FROM pg_attribute s
     WHERE s.attrelid = t.typrelid AND t.typtype = 'c' AND s.attnum > 0 AND NOT s.attisdropped)), NULL
FROM r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
UNION ALL
SELECT 'nullability', r.name, r.oid::text, a.attnum::text, a.attname::text, a.attnotnull::text, NULL
FROM r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'default', r.name, r.oid::text, a.attnum::text, a.attname::text,
  coalesce(regexp_replace(d.adbin::text, ':location -?[0-9]+', '', 'g'), ''),
  regexp_replace(pg_get_expr(d.adbin, d.adrelid), '::[a-z_. ]+', '', 'g')
FROM r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT CASE k.contype
    WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign_key'
    WHEN 'c' THEN 'check' ELSE 'exclusion'
  END, r.name, r.oid::text, CASE WHEN k.contype <> 'p' THEN k.conname::text ELSE '' END,
  CASE WHEN k.contype <> 'p' THEN k.conname::text ELSE '' END,
  concat_ws(' ', k.conkey, k.confrelid, k.confkey, k.confupdtype, k.confdeltype, k.confmatchtype, k.condeferrable,
    k.condeferred, k.convalidated, regexp_replace(k.conbin::text, ':location -?[0-9]+', '', 'g')),
  pg_get_constraintdef(k.oid)
FROM r JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype IN ('p','u','f','c','x')
UNION ALL
SELECT CASE WHEN i.indisunique AND i.indpred IS NULL THEN 'unique' ELSE 'index' END, r.name, r.oid::text,
  c.relname::text, c.relname::text,
  concat_ws(' ', i.indkey, i.indoption, i.indclass, i.indcollation, i.indisunique, c.relam,
    regexp_replace(concat_ws(' ', i.indexprs::text, i.indpred::text), ':location -?[0-9]+', '', 'g')),
  pg_get_indexdef(i.indexrelid)
FROM r
JOIN pg_index i ON i.indrelid = r.oid
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p','u','x'))
UNION ALL
SELECT 'trigger', r.name, r.oid::text, t.tgname::text, t.tgname::text,
  concat_ws(' ', t.tgfoid, t.tgtype, t.tgattr, t.tgargs, t.tgenabled, t.tgqual::text),
  concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
FROM r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'view', r.name, r.oid::text, '', '',
  regexp_replace(w.ev_action::text, ':location -?[0-9]+', '', 'g'), pg_get_viewdef(r.oid)
FROM r JOIN pg_rewrite w ON w.ev_class = r.oid AND w.rulename = '_RETURN'
