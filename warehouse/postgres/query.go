package postgres

import "github.com/sentinel-dq/sentinel/warehouse"

// QuerySyntax implements warehouse.QueryReader. A transaction that only reads does not
// keep these functions from what they do: they lock for the session, act on files, on
// the server or on another database, or are undone only from PostgreSQL 16 on.
func (Dialect) QuerySyntax() warehouse.QuerySyntax {
	return warehouse.QuerySyntax{
		Reading:       []string{"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN"},
		IntoIsWriting: true,
		Forbidden: []string{
			"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared",
			"pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all", "set_config",
			"lo_create", "lo_creat", "lo_import", "lo_export", "lo_unlink", "lo_from_bytea", "lo_put", "lowrite",
			"pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_promote",
			"pg_switch_wal", "pg_create_restore_point", "pg_wal_replay_pause", "pg_wal_replay_resume",
			"pg_logical_emit_message", "pg_notify", "pg_stat_reset", "pg_stat_reset_shared",
			"pg_stat_reset_single_table_counters", "pg_stat_statements_reset", "pg_prewarm",
			"pg_create_physical_replication_slot", "pg_create_logical_replication_slot", "pg_drop_replication_slot",
			"pg_logical_slot_get_changes", "pg_file_write", "pg_file_unlink", "pg_file_rename",
			"dblink", "dblink_exec", "dblink_connect", "dblink_send_query",
		},
	}
}
