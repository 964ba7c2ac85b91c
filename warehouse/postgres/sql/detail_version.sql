SELECT 'version', 0::oid, 0, current_setting('server_version_num'),
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
