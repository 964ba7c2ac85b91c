SELECT x.table_schema, x.table_name, x.table_type, x.table_comment, x.table_rows,
  x.data_length + x.index_length, timestampdiff(MICROSECOND, '1970-01-01', x.update_time) / 1000000,
  coalesce(x.create_options, ''), coalesce(x.engine, '')
FROM information_schema.tables x
WHERE $filter
