SELECT x.table_schema, x.table_name, x.view_definition
FROM information_schema.views x
WHERE $filter
