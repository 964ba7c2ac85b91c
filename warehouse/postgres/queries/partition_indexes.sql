SELECT quote_ident(n.nspname), quote_ident(x.relname), concat_ws('|', m.amname, i.indisunique, i.indisprimary,
  i.indisexclusion, i.indimmediate, (
    SELECT string_agg(pg_get_indexdef(i.indexrelid, k, false), ', ' ORDER BY k) FROM generate_series(1, i.indnatts) k
  ), i.indnkeyatts, i.indoption, i.indclass, i.indcollation, pg_get_expr(i.indpred, i.indrelid),
  to_jsonb(i)->>'indnullsnotdistinct', x.reloptions::text)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = x.relam
WHERE i.indrelid = $1::regclass
ORDER BY 2
