SELECT DISTINCT x.table_schema, x.table_name,
  concat_ws(' ', lower(x.partition_method), concat('(', x.partition_expression, ')'),
    concat('subpartitions by ', lower(x.subpartition_method)), concat('(', x.subpartition_expression, ')'))
FROM information_schema.partitions x
WHERE x.partition_name IS NOT NULL AND $filter
