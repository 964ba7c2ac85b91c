SELECT x.table_schema, x.table_name, x.view_definition,
  concat_ws(', ', concat('security ', lower(x.security_type)), concat('definer ', x.definer),
    if(x.check_option = 'NONE', NULL, concat('check option ', lower(x.check_option))))
FROM information_schema.views x
WHERE $filter
