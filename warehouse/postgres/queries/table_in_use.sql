SELECT coalesce(
  (
    SELECT CASE
      WHEN a.query LIKE 'autovacuum:%wraparound%' THEN 'a vacuum against wraparound works on it'
      ELSE 'a transaction of ' || coalesce(nullif(a.application_name, ''), a.usename::text, 'somebody')
        || ' has held it since ' || to_char(a.xact_start, 'HH24:MI:SS')
    END
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation'
      AND l.granted
      AND l.relation = $1::regclass
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND a.pid <> pg_backend_pid()
      AND (a.xact_start < clock_timestamp() - $2::interval OR a.query LIKE 'autovacuum:%wraparound%')
    ORDER BY a.xact_start
    LIMIT 1
  ),
  (
    SELECT 'the standby ' || application_name || ' is ' || date_trunc('second', replay_lag)::text || ' behind'
    FROM pg_catalog.pg_stat_replication
    WHERE replay_lag > $3::interval
    ORDER BY replay_lag DESC
    LIMIT 1
  ),
  ''
)
