(
  SELECT concat_ws(' ', pg_postmaster_start_time(), pg_stat_get_db_stat_reset_time(d.oid),
    pg_stat_get_bgwriter_stat_reset_time()) AS at
  FROM pg_catalog.pg_database d
  WHERE d.datname = current_database()
) resets
