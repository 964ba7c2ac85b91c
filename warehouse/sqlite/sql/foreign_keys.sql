SELECT s.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
WHERE s.type = 'table'
ORDER BY s.name, f.id, f.seq
