-- What stands in the catalog: group, table, table's identity, object's identity, name, definition, text.
SELECT 'table', concat(table_schema, '.', table_name), '', '', table_type, '', NULL
FROM information_schema.tables WHERE table_schema = database()
UNION ALL
SELECT 'column', concat(table_schema, '.', table_name), '', column_name, column_name, '', NULL
FROM information_schema.columns WHERE table_schema = database()
UNION ALL
SELECT 'type', concat(table_schema, '.', table_name), '', column_name, column_name, column_type, NULL
FROM information_schema.columns WHERE table_schema = database()
UNION ALL
SELECT 'nullability', concat(table_schema, '.', table_name), '', column_name, column_name, is_nullable, NULL
FROM information_schema.columns WHERE table_schema = database()
UNION ALL
SELECT 'default', concat(table_schema, '.', table_name), '', column_name, column_name,
  if(column_default = 'NULL', '', coalesce(column_default, '')), NULL
FROM information_schema.columns WHERE table_schema = database()
UNION ALL
SELECT if(index_name = 'PRIMARY', 'primary_key', if(non_unique = 0, 'unique', 'index')),
  concat(table_schema, '.', table_name), '', if(index_name = 'PRIMARY', '', index_name),
  if(index_name = 'PRIMARY', '', index_name),
  group_concat(concat_ws(' ', column_name, sub_part, collation, index_type) ORDER BY seq_in_index), NULL
FROM information_schema.statistics WHERE table_schema = database()
GROUP BY table_schema, table_name, index_name, non_unique
UNION ALL
SELECT 'foreign_key', concat(k.table_schema, '.', k.table_name), '', k.constraint_name, k.constraint_name,
  concat(group_concat(concat_ws(' ', k.column_name, k.referenced_table_name, k.referenced_column_name)
    ORDER BY k.ordinal_position), max(r.update_rule), max(r.delete_rule)), NULL
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema
  AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = database()
GROUP BY k.table_schema, k.table_name, k.constraint_name
UNION ALL
SELECT 'column_check', concat(c.table_schema, '.', c.table_name), '', c.column_name, c.column_name,
  coalesce(k.check_clause, ''), NULL
FROM information_schema.columns c
LEFT JOIN information_schema.check_constraints k ON k.constraint_schema = c.table_schema
  AND k.table_name = c.table_name AND k.constraint_name = c.column_name AND k.level = 'Column'
WHERE c.table_schema = database()
UNION ALL
SELECT 'check', concat(constraint_schema, '.', table_name), '', constraint_name, constraint_name, check_clause, NULL
FROM information_schema.check_constraints WHERE constraint_schema = database() AND level = 'Table'
UNION ALL
SELECT 'trigger', concat(event_object_schema, '.', event_object_table), '', trigger_name, trigger_name,
  concat_ws(' ', action_timing, event_manipulation, action_statement), NULL
FROM information_schema.triggers WHERE trigger_schema = database()
UNION ALL
SELECT 'view', concat(table_schema, '.', table_name), '', '', '', view_definition, NULL
FROM information_schema.views WHERE table_schema = database()
