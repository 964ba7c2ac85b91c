SELECT 'detail', r.oid, 0, 'table', '', f.fact, f.value, f.stored, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_class c ON c.oid/*cast*/ = r.oid/*cast*/
CROSS JOIN LATERAL (
  VALUES
    ('persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary' END, NULL),
    ('access method', (
      SELECT m.amname::text FROM pg_catalog.pg_am m WHERE c.relam <> 2 AND m.oid = c.relam -- 2: heap
    ), NULL),
    ('row security', CASE
      WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'enabled, also for the owner'
      WHEN c.relrowsecurity THEN 'enabled'
      WHEN c.relforcerowsecurity THEN 'disabled, but forced for the owner'
    END, NULL),
    ('view options', CASE WHEN c.relkind = 'v' THEN array_to_string(c.reloptions, ', ') END, NULL),
    ('definition', NULL, CASE WHEN c.relkind IN ('v','m') THEN (
      SELECT md5(w.ev_action::text)
      FROM pg_catalog.pg_rewrite w
      WHERE w.ev_class = c.oid AND w.rulename = '_RETURN'
    ) END),
    ('parents', CASE WHEN c.relkind IN ('r','p','f') THEN (
      SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno)
      FROM pg_catalog.pg_inherits h
      WHERE h.inhrelid = c.oid
    ) END, CASE WHEN c.relkind IN ('r','p','f') THEN (
      SELECT string_agg(h.inhparent::text, ' ' ORDER BY h.inhseqno)
      FROM pg_catalog.pg_inherits h
      WHERE h.inhrelid = c.oid
    ) END),
    ('foreign options', CASE WHEN c.relkind = 'f' THEN (
      SELECT concat_ws(', ', 'server ' || s.srvname, array_to_string(t.ftoptions, ', '))
      FROM pg_catalog.pg_foreign_table t
      JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver
      WHERE t.ftrelid = c.oid
    ) END, NULL)
) f(fact, value, stored)
WHERE f.value IS NOT NULL OR f.stored IS NOT NULL
UNION ALL
SELECT 'detail', p.partrelid, 0, 'table', '', 'partition key',
  CASE
    WHEN p.partexprs IS NOT NULL THEN coalesce(CASE WHEN r.open THEN pg_get_partkeydef(p.partrelid) END, $unread)
    ELSE CASE p.partstrat WHEN 'r' THEN 'RANGE' WHEN 'l' THEN 'LIST' ELSE 'HASH' END || (
      SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY u.n) || ')'
      FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u(att, n)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.att
    )
  END,
  md5(concat_ws('|', p.partstrat, p.partattrs, p.partclass, p.partcollation, p.partexprs::text)),
  NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_partitioned_table p ON p.partrelid/*cast*/ = r.oid/*cast*/
