SELECT o.method, o.effect, o.col, o.why
FROM (
  SELECT '' AS method, 'approve' AS effect, '' AS col, t.table_schema AS s, t.table_name AS t,
    'it is system-versioned, and every row that is loaded again becomes a new version' AS why
  FROM information_schema.tables t
  WHERE t.table_type = 'SYSTEM VERSIONED'
  UNION ALL
  SELECT 'swap', 'refuse', '', t.table_schema, t.table_name,
    'it is system-versioned, and a partition that is swapped in has no history'
  FROM information_schema.tables t
  WHERE t.table_type = 'SYSTEM VERSIONED'
  UNION ALL
  SELECT '', 'approve', '', c.table_schema, c.table_name,
    CONCAT(c.column_name, ' gets its numbers from ', c.column_default, ', which a reload does not move on')
  FROM information_schema.columns c
  WHERE c.column_default LIKE '%nextval(%'
  UNION ALL
  -- An account that may only read sees the reference, and not its rule.
  SELECT 'merge', 'refuse', k.referenced_column_name, k.referenced_table_schema, k.referenced_table_name,
    CONCAT('updating ', k.referenced_column_name, ' would change rows of ', k.table_name,
      ' too, because of a foreign key (ON UPDATE), or because this account cannot read the foreign key')
  FROM information_schema.key_column_usage k
  LEFT JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema
    AND r.constraint_name = k.constraint_name
    AND r.table_name = k.table_name
  WHERE k.referenced_table_name IS NOT NULL
    AND coalesce(r.update_rule, 'CASCADE') IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
) o
WHERE o.s = ? AND o.t = ?
ORDER BY 1, 2, 3, 4
