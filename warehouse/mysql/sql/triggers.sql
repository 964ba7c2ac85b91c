SELECT x.table_schema, x.table_name, x.trigger_name, x.definition
FROM (
  SELECT event_object_schema AS table_schema, event_object_table AS table_name, trigger_name,
    concat_ws(' ', action_timing, event_manipulation, action_statement) AS definition
  FROM information_schema.triggers
) x
WHERE $filter
