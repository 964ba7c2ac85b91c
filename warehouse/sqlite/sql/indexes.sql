SELECT s.name, i.name, i."unique", i.origin, i.partial, x.name, d.sql, x.desc, x.coll
FROM sqlite_schema s, pragma_index_list(s.name) i, pragma_index_xinfo(i.name) x
LEFT JOIN sqlite_schema d ON d.type = 'index' AND d.name = i.name
WHERE s.type = 'table' AND x.key = 1
ORDER BY s.name, i.name, x.seqno
