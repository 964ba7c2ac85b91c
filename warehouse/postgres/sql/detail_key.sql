SELECT 'detail', k.conrelid, 0,
  CASE k.contype
    WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key'
    WHEN 'c' THEN 'check' ELSE 'exclusion'
  END,
  k.conname::text, f.fact, f.value, f.stored, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_constraint k ON k.conrelid/*cast*/ = r.oid/*cast*/ AND k.contype IN ('p','u','f','c','x')
CROSS JOIN LATERAL (
  SELECT CASE
    WHEN k.contype = 'f' AND k.confdeltype IN ('n','d')
      OR current_setting('server_version_num')::int >= 180000 THEN to_jsonb(k)
  END AS all_fields
) j
CROSS JOIN LATERAL (
  VALUES
    ('definition', CASE k.contype
      WHEN 'c' THEN coalesce(CASE WHEN r.open THEN 'check (' || pg_get_expr(k.conbin, k.conrelid) || ')' END, $unread)
      WHEN 'x' THEN coalesce(CASE WHEN r.open THEN pg_get_constraintdef(k.oid) END, $unread)
    END, CASE k.contype
      WHEN 'c' THEN md5(k.conbin::text)
      WHEN 'f' THEN concat_ws(' ', k.confrelid, k.conkey, k.confkey)
      WHEN 'x' THEN (
        SELECT md5(concat_ws('|', i.indkey, i.indoption, i.indexprs::text, i.indpred::text, k.conexclop))
        FROM pg_catalog.pg_index i
        WHERE i.indexrelid = k.conindid
      )
    END),
    ('match', CASE WHEN k.contype = 'f' AND k.confmatchtype = 'f' THEN 'match full' END, NULL),
    ('set columns', (
      SELECT 'set columns (' || string_agg(a.attname, ', ' ORDER BY u.n) || ')'
      FROM jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(j.all_fields->'confdelsetcols') = 'array' THEN j.all_fields->'confdelsetcols' END
      ) WITH ORDINALITY u(att, n)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.att::int
    ), NULL),
    ('period', CASE WHEN j.all_fields->>'conperiod' = 'true' THEN CASE k.contype
      WHEN 'f' THEN 'period'
      ELSE 'without overlaps'
    END END, NULL),
    ('deferrable', CASE
      WHEN k.condeferred THEN 'deferrable initially deferred'
      WHEN k.condeferrable THEN 'deferrable'
    END, NULL),
    ('inherit', CASE WHEN k.contype = 'c' AND k.connoinherit THEN 'no inherit' END, NULL),
    ('enforced', CASE WHEN j.all_fields->>'conenforced' = 'false' THEN 'not enforced' END, NULL),
    ('valid', CASE WHEN NOT k.convalidated THEN 'not valid' END, NULL)
) f(fact, value, stored)
WHERE f.value IS NOT NULL OR f.stored IS NOT NULL
