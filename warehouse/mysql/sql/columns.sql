SELECT x.table_schema, x.table_name, x.column_name, x.ordinal_position, x.column_type, x.is_nullable,
  x.column_default, x.extra, x.generation_expression, x.collation_name, x.column_comment
FROM information_schema.columns x
WHERE $filter
