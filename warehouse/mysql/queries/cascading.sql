-- An account that may only read sees the reference, and not its rule.
SELECT DISTINCT k.table_name
FROM information_schema.key_column_usage k
LEFT JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema
  AND r.constraint_name = k.constraint_name
  AND r.table_name = k.table_name
WHERE k.referenced_table_schema = ?
  AND k.referenced_table_name = ?
  AND coalesce(r.delete_rule, 'CASCADE') IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
ORDER BY 1
