SELECT 'detail', i.indrelid, 0, 'index', c.relname::text, f.fact, f.value, f.stored, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_index i ON i.indrelid/*cast*/ = r.oid/*cast*/
JOIN pg_catalog.pg_class c ON c.oid/*cast*/ = i.indexrelid/*cast*/
CROSS JOIN LATERAL (
  VALUES
    ('definition', NULL, md5(concat_ws('|', i.indkey, i.indoption, i.indexprs::text, i.indpred::text))),
    ('operator classes', (
      SELECT 'operator classes ' || string_agg(u.n || ' ' || o.opcname, ', ' ORDER BY u.n)
      FROM unnest(i.indclass::oid[]) WITH ORDINALITY u(opclass, n)
      JOIN pg_catalog.pg_opclass o ON o.oid = u.opclass
      WHERE u.opclass = ANY (ARRAY(SELECT oid FROM pg_catalog.pg_opclass WHERE NOT opcdefault))
    ), NULL),
    ('collations', (
      SELECT 'collations ' || string_agg(
        u.n || ' ' || (SELECT o.collname FROM pg_catalog.pg_collation o WHERE o.oid = u.coll), ', ' ORDER BY u.n)
      FROM unnest(i.indcollation::oid[]) WITH ORDINALITY u(coll, n)
      WHERE u.coll <> 0 AND u.coll <> coalesce((
        SELECT a.attcollation
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = i.indrelid AND a.attnum = (i.indkey::int2[])[u.n - 1] AND a.attnum > 0
      ), 100)
    ), NULL),
    ('nulls', CASE WHEN i.indisunique AND to_jsonb(i)->>'indnullsnotdistinct' = 'true' THEN
      'nulls not distinct'
    END, NULL)
) f(fact, value, stored)
WHERE f.value IS NOT NULL OR f.stored IS NOT NULL
