SELECT x.table_schema, x.table_name, c.constraint_name, c.check_clause,
  concat('' /*!80016 , if(x.enforced = 'NO', 'not enforced', '') */),
  concat('' /*M!100200 , c.level */)
FROM information_schema.table_constraints x
JOIN information_schema.check_constraints c ON c.constraint_schema = x.constraint_schema
  AND c.constraint_name = x.constraint_name /*M!100200 AND c.table_name = x.table_name */
WHERE x.constraint_type = 'CHECK' AND $filter
