SELECT '', 'refuse', '', 'it is a virtual table, whose rows are kept by a module'
FROM sqlite_master
WHERE type = 'table' AND lower(name) = lower(?2) AND ?1 <> '' AND lower(ltrim(sql)) LIKE 'create virtual %'
UNION ALL
SELECT DISTINCT 'merge', 'refuse', coalesce(f."to", p.name),
  'updating ' || coalesce(f."to", p.name) || ' would change rows of ' || m.name || ' too, because of a foreign key '
    || '(ON UPDATE)'
FROM sqlite_master m, pragma_foreign_key_list(m.name) f
LEFT JOIN pragma_table_info(f."table") p ON f."to" IS NULL AND p.pk = f.seq + 1
WHERE m.type = 'table'
  AND lower(f."table") = lower(?2)
  AND f.on_update IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
