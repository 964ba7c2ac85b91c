SELECT 'detail', p.polrelid, 0, 'policy', p.polname::text, 'definition',
  coalesce(CASE WHEN r.open THEN concat_ws(' ',
    CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
    'for ' || CASE p.polcmd
      WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all'
    END,
    'to ' || (
      SELECT string_agg(CASE WHEN u.role = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(u.role)) END, ', ' ORDER BY u.n)
      FROM unnest(p.polroles) WITH ORDINALITY u(role, n)
    ),
    'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') END, $unread),
  md5(concat_ws('|', p.polpermissive, p.polcmd, p.polroles, p.polqual::text, p.polwithcheck::text)),
  NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_policy p ON p.polrelid/*cast*/ = r.oid/*cast*/
