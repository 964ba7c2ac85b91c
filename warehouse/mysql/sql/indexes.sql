SELECT x.table_schema, x.table_name, x.index_name, x.non_unique, x.column_name, x.index_type, x.sub_part,
  x.collation,
  concat('' /*M!100600 , if(x.ignored = 'YES', 'ignored', '') */ /*!80000 , if(x.is_visible = 'NO', 'invisible', '') */),
  concat('' /*!80013 , coalesce(x.expression, '') */)
FROM information_schema.statistics x
WHERE $filter
ORDER BY x.table_schema, x.table_name, x.index_name, x.seq_in_index
