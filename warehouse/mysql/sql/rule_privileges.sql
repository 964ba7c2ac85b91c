-- Where the account sees all triggers and checks: schemas, and single tables.
SELECT s.schema_name, ''
FROM information_schema.schemata s
JOIN (
  SELECT grantee, '%' AS pattern
  FROM information_schema.user_privileges
  WHERE privilege_type = 'TRIGGER'
  UNION ALL
  SELECT grantee, table_schema
  FROM information_schema.schema_privileges
  WHERE privilege_type = 'TRIGGER'
) p ON s.schema_name LIKE p.pattern
WHERE p.grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
UNION ALL
SELECT table_schema, table_name
FROM information_schema.table_privileges
WHERE privilege_type = 'TRIGGER' AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
