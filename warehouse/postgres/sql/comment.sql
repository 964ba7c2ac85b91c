SELECT 'comment', r.oid, 0, o.description, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN descr o ON o.objoid = r.oid AND o.objsubid = 0
