SELECT DISTINCT p.privilege
FROM (SELECT CONVERT(? USING utf8) AS s, CONVERT(? USING utf8) AS t) q
JOIN (
  SELECT grantee, '%' AS s, '%' AS t, privilege_type AS privilege
  FROM information_schema.user_privileges
  UNION ALL
  SELECT grantee, table_schema, '%', privilege_type
  FROM information_schema.schema_privileges
  UNION ALL
  SELECT grantee, table_schema, table_name, privilege_type
  FROM information_schema.table_privileges
  WHERE privilege_type = 'TRIGGER'
) p ON q.s LIKE p.s AND (p.t = '%' OR q.t = p.t)
WHERE p.grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
  AND p.privilege IN ('SELECT', 'TRIGGER')
