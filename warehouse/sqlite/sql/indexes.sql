SELECT s.name, i.name, i."unique", i.origin, i.partial, x.name, d.sql
FROM sqlite_schema s, pragma_index_list(s.name) i, pragma_index_info(i.name) x
LEFT JOIN sqlite_schema d ON d.type = 'index' AND d.name = i.name
WHERE s.type = 'table'
ORDER BY s.name, i.name, x.seqno
