SELECT DISTINCT m.name
FROM sqlite_master m, pragma_foreign_key_list(m.name) f
WHERE m.type = 'table'
  AND lower(f."table") = lower(?2)
  AND ?1 <> ''
  AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
ORDER BY 1
