SELECT 'detail', t.tgrelid, 0, 'trigger', t.tgname::text, f.fact, f.value, f.stored, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_trigger t ON r.relhastriggers AND t.tgrelid = r.oid AND NOT t.tgisinternal
CROSS JOIN LATERAL (
  VALUES
    ('definition', coalesce(CASE WHEN r.open THEN pg_get_triggerdef(t.oid) END, $unread), md5(concat_ws('|', t.tgfoid, t.tgtype, t.tgattr, t.tgargs, t.tgqual::text,
      t.tgdeferrable, t.tginitdeferred, t.tgconstrrelid, t.tgoldtable, t.tgnewtable))),
    ('enabled', CASE t.tgenabled
      WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled on replicas alone' WHEN 'A' THEN 'enabled always'
    END, NULL)
) f(fact, value, stored)
WHERE f.value IS NOT NULL
UNION ALL
SELECT 'detail', w.ev_class, 0, 'rule', w.rulename::text, f.fact, f.value, f.stored, NULL, NULL, NULL, NULL, NULL
FROM rel r
JOIN pg_catalog.pg_rewrite w ON r.relhasrules AND w.ev_class = r.oid AND w.rulename <> '_RETURN'
CROSS JOIN LATERAL (
  VALUES
    ('definition', coalesce(CASE WHEN r.open THEN pg_get_ruledef(w.oid) END, $unread), md5(concat_ws('|', w.ev_type, w.is_instead, w.ev_qual::text, w.ev_action::text))),
    ('enabled', CASE w.ev_enabled
      WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled on replicas alone' WHEN 'A' THEN 'enabled always'
    END, NULL)
) f(fact, value, stored)
WHERE f.value IS NOT NULL
