SELECT s.name, s.type, s.sql, s.rootpage
FROM sqlite_schema s
WHERE s.type IN ('table','view') AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\'
