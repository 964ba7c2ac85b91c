SELECT CASE
  WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver)
    AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
  ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
END
