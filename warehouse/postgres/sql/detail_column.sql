SELECT 'detail', a.attrelid, 0, 'column', a.attname::text, f.fact, f.value, f.stored,
  CASE WHEN f.fact = 'type' THEN a.atttypid::text END, NULL, NULL, NULL, NULL
FROM col a
CROSS JOIN LATERAL (
  VALUES
    ('default', NULL, CASE WHEN a.attgenerated = '' THEN md5(a.adbin::text) END),
    ('generated', NULL, CASE WHEN a.attgenerated <> '' THEN md5(a.adbin::text) END),
    ('kept', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END, NULL),
    ('sequence', CASE WHEN a.attidentity <> '' THEN (
      SELECT concat_ws(' ', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement,
        'min', s.seqmin, 'max', s.seqmax, CASE WHEN s.seqcycle THEN 'cycle' END)
      FROM pg_catalog.pg_depend p
      JOIN pg_catalog.pg_sequence s ON s.seqrelid = p.objid
      WHERE p.refclassid = 1259 AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum
        AND p.classid = 1259 AND p.deptype = 'i'
    ) END, NULL),
    ('foreign options', array_to_string(a.attfdwoptions, ', '), NULL),
    ('type', NULL, CASE WHEN a.typnamespace <> 11 THEN '' END)
) f(fact, value, stored)
WHERE f.value IS NOT NULL OR f.stored IS NOT NULL
