SELECT 'stamp', 0::oid, 0, $stamp, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
