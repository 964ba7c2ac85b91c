SELECT s.name, c.cid, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_schema s, pragma_table_xinfo(s.name) c
WHERE s.type IN ('table','view') AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND c.hidden <> 1
