SELECT x.table_schema, x.table_name, x.partition_name, x.partition_method, x.partition_expression,
  x.partition_description, x.table_rows, x.subpartition_name,
  concat(lower(x.subpartition_method), concat(' (', x.subpartition_expression, ')'))
FROM information_schema.partitions x
WHERE x.partition_name IS NOT NULL AND $filter
ORDER BY x.partition_ordinal_position, x.subpartition_ordinal_position
