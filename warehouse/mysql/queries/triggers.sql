SELECT trigger_name
FROM information_schema.triggers
WHERE event_object_schema = ? AND event_object_table = ?
ORDER BY 1
