SELECT x.table_schema, x.table_name, x.index_name, x.non_unique, x.column_name, x.index_type, x.sub_part,
  x.collation
FROM information_schema.statistics x
WHERE $filter
ORDER BY x.table_schema, x.table_name, x.index_name, x.seq_in_index
