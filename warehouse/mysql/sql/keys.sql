SELECT x.table_schema, x.table_name, x.constraint_name, x.column_name, x.referenced_table_schema,
  x.referenced_table_name, x.referenced_column_name, r.update_rule, r.delete_rule
FROM information_schema.key_column_usage x
LEFT JOIN information_schema.referential_constraints r ON r.constraint_schema = x.constraint_schema
  AND r.table_name = x.table_name AND r.constraint_name = x.constraint_name
WHERE $filter
ORDER BY x.table_schema, x.table_name, x.constraint_name, x.ordinal_position
