SELECT 'index', i.indrelid, 0,
  c.relname::text,
  i.indisunique::text,
  (i.indisvalid AND i.indisready)::text,
  m.amname::text,
  i.indkey::text,
  i.indoption::text,
  i.indnkeyatts::text,
  CASE
    WHEN 0 = ANY (i.indkey) THEN coalesce(CASE WHEN r.open THEN (
      SELECT string_agg(pg_get_indexdef(i.indexrelid, s.k, true), E'\x1f' ORDER BY s.k)
      FROM generate_series(1, i.indnkeyatts) s(k)
    ) END, $unread)
  END,
  CASE
    WHEN i.indpred IS NOT NULL THEN coalesce(CASE WHEN r.open THEN pg_get_expr(i.indpred, i.indrelid) END, $unread)
  END,
  i.indisprimary::text
FROM rel r
JOIN pg_catalog.pg_index i ON i.indrelid/*cast*/ = r.oid/*cast*/
JOIN pg_catalog.pg_class c ON c.oid/*cast*/ = i.indexrelid/*cast*/
JOIN pg_catalog.pg_am m ON m.oid = c.relam
