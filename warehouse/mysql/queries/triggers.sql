SELECT trigger_name
FROM information_schema.triggers
WHERE event_object_schema = ? AND event_object_table = ? AND event_manipulation <> 'UPDATE'
ORDER BY 1
