package exporters

// The metrics of the agent itself.
var (
	BuildInfo = Metric{
		"sentinel_build_info", "gauge",
		"Always 1, with the version.",
		[]string{"version"},
	}
	Time = Metric{
		"sentinel_time_seconds", "gauge",
		"The agent's clock at the scrape.",
		nil,
	}
	CheckResults = Metric{
		"sentinel_check_results_total", "counter",
		"Runs of checks by outcome.",
		[]string{"warehouse", "status"},
	}
	CheckDuration = Metric{
		"sentinel_check_duration_seconds", "histogram",
		"Time from asking to judging a batch of checks.",
		[]string{"warehouse"},
	}
	IncidentsOpen = Metric{
		"sentinel_incidents_open", "gauge",
		"Unresolved incidents.",
		[]string{"tier"},
	}
	IncidentsFlapping = Metric{
		"sentinel_incidents_flapping", "gauge",
		"Incidents that open and resolve again and again. People are notified of that alone.",
		[]string{"tier"},
	}
	TicksMissed = Metric{
		"sentinel_ticks_missed_total", "counter",
		"Ticks that were not run because no agent was running, or its machine was asleep.",
		byDataset,
	}
	JobsSkipped = Metric{
		"sentinel_jobs_skipped_total", "counter",
		"Ticks that were not run: the dataset's previous tick was still running, or a panic ended the tick.",
		byDataset,
	}
	WarehouseUp = Metric{
		"sentinel_warehouse_up", "gauge",
		"Whether the warehouse answered the last batch of checks (1) or not (0); without one, when its patterns were " +
			"resolved.",
		[]string{"warehouse"},
	}
	ClockSkew = Metric{
		"sentinel_warehouse_clock_skew_seconds", "gauge",
		"The warehouse's clock minus the agent's.",
		[]string{"warehouse"},
	}
	ReplicationLag = Metric{
		"sentinel_replication_lag_seconds", "gauge",
		"Replication lag of the standby that answers checks. NaN if the standby does not report it; " +
			"no series while a primary answers.",
		[]string{"warehouse"},
	}
	Leading = Metric{
		"sentinel_leading", "gauge",
		"Whether this agent is the leader (1) or a standby (0) of the agents that share a state.",
		nil,
	}
	StateShared = Metric{
		"sentinel_state_shared", "gauge",
		"Whether the agent's state is one that several agents can share (1), or its own (0).",
		nil,
	}
	AgentsExpected = Metric{
		"sentinel_agents_expected", "gauge",
		"How many agents share the state, by the key agents. No series without it.",
		nil,
	}
	SecretsUnread = Metric{
		"sentinel_secrets_unread", "gauge",
		"Files and commands of secrets that cannot be read. What was read last stays in force.",
		nil,
	}
	Peers = Metric{
		"sentinel_peers", "gauge",
		"Other agents of the same state that do tasks for this one.",
		nil,
	}
	Tasks = Metric{
		"sentinel_tasks_total", "counter",
		"Tasks of agents that share one state, by kind (checks, delivery, repair) and by where they were done: " +
			"local, remote (another agent), or unanswered (the worker did not answer).",
		[]string{"kind", "done"},
	}
	WorkShared = Metric{
		"sentinel_work_shared_total", "counter",
		"The older name of sentinel_tasks_total, with other words: look, tell, repair; here, elsewhere, unanswered.",
		[]string{"work", "where"},
	}
	Panics = Metric{
		"sentinel_panics_total", "counter",
		"Bugs (panics) that the agent recovered from, by where they were.",
		[]string{"where"},
	}
	RecordsDropped = Metric{
		"sentinel_records_dropped_total", "counter",
		"Results and changes (incidents, states, notices, audit entries) that were dropped " +
			"because the agent's state could not be written for too long.",
		[]string{"what"},
	}
	StoreUp = Metric{
		"sentinel_store_up", "gauge",
		"Whether the last write to the agent's state succeeded.",
		nil,
	}
	BackupTimestamp = Metric{
		"sentinel_backup_timestamp_seconds", "gauge",
		"When the newest backup of the state was taken. It was read back and verified.",
		nil,
	}
	BackupDue = Metric{
		"sentinel_backup_due_timestamp_seconds", "gauge",
		"When the backup after the newest one is due.",
		nil,
	}
	BackupSize = Metric{
		"sentinel_backup_size_bytes", "gauge",
		"Size of the newest backup of the state.",
		nil,
	}
	BackupsKept = Metric{
		"sentinel_backups", "gauge",
		"Backups of the state that are kept.",
		nil,
	}
	BackupFailures = Metric{
		"sentinel_backup_failures_total", "counter",
		"Backups of the state that failed, and lists of them that could not be read.",
		nil,
	}
	UnwatchedTables = Metric{
		"sentinel_unwatched_tables", "gauge",
		"Tables and views of the warehouse that the configuration neither names nor excludes, at the last daily look.",
		[]string{"warehouse"},
	}
	StoreRolledBack = Metric{
		"sentinel_store_rolled_back_seconds", "gauge",
		"By how much the state was older at the start than it had been before, for a day. 0: it was not.",
		nil,
	}
	StoreRewritten = Metric{
		"sentinel_store_rewritten_total", "counter",
		"How often the file of the agent's state, or its log, was deleted under the agent, and written again.",
		nil,
	}
	StoreBytes = Metric{
		"sentinel_store_bytes", "gauge",
		"Bytes that the agent's state takes on disk.",
		nil,
	}
	StoreCut = Metric{
		"sentinel_store_cut_total", "counter",
		"Ticks and observations that were removed before their retention ended, because of retention_size.",
		[]string{"what"},
	}
	ReloadSuccessful = Metric{
		"sentinel_config_last_reload_successful", "gauge",
		"Whether the last load of the configuration succeeded.",
		nil,
	}
	ReplacedRunning = Metric{
		"sentinel_config_replaced_running", "gauge",
		"Replaced configurations under which something still runs: a statement, a delivery or a step of a repair.",
		nil,
	}
	ReloadTimestamp = Metric{
		"sentinel_config_last_reload_success_timestamp_seconds", "gauge",
		"Time at which the current configuration was loaded.",
		nil,
	}
	SeriesDropped = Metric{
		"sentinel_series_dropped", "gauge",
		"Series left out of /metrics because of max_series.",
		nil,
	}
)

// The metrics of incidents, repairs and notifications.
var (
	Incidents = Metric{
		"sentinel_incidents_total", "counter",
		"Transitions of incidents: opened, reopened, flapping, escalated, resolved. Not those while one flaps.",
		[]string{"tier", "transition"},
	}
	TimeToDetect = Metric{
		"sentinel_time_to_detect_seconds", "histogram",
		"Time from the check's last good result to the opening of an incident.",
		[]string{"tier"},
	}
	TimeToResolve = Metric{
		"sentinel_time_to_resolve_seconds", "histogram",
		"Time from the opening of an incident to its end.",
		[]string{"tier"},
	}
	TimeToRepair = Metric{
		"sentinel_time_to_repair_seconds", "histogram",
		"Time from planning a repair to its verified success.",
		[]string{"action"},
	}
	Repairs = Metric{
		"sentinel_repairs_total", "counter",
		"Repairs that ended, by outcome: succeeded, would_not_help, rolled_back, failed, dead_letter, cancelled, " +
			"superseded.",
		append(byDataset[:2:2], "action", "outcome"),
	}
	RepairsActive = Metric{
		"sentinel_repairs_active", "gauge",
		"Repairs that have not ended, by state.",
		[]string{"state"},
	}
	BreakerState = Metric{
		"sentinel_breaker_state", "gauge",
		"Circuit breaker: 0 closed, 1 half-open, 2 open.",
		[]string{"breaker"},
	}
	Retries = Metric{
		"sentinel_retries_total", "counter",
		"Retries, of repairs and notifications.",
		[]string{"of"},
	}
	DeadLetters = Metric{
		"sentinel_dead_letters", "gauge",
		"Repairs and notifications that were given up, and wait for a person.",
		[]string{"of"},
	}
	SilencesUnmatched = Metric{
		"sentinel_silences_unmatched", "gauge",
		"Silences that match no check of a dataset and no open incident: mistyped, or forgotten.",
		nil,
	}
	AuditEntries = Metric{
		"sentinel_audit_entries", "gauge",
		"Length of the audit log.",
		nil,
	}
	Notifications = Metric{
		"sentinel_notifications_total", "counter",
		"Notifications by channel and outcome: sent, retried, dead.",
		[]string{"channel", "outcome"},
	}
	NotificationsPending = Metric{
		"sentinel_notifications_pending", "gauge",
		"Notifications waiting to be sent.",
		nil,
	}
	NotificationsOverdue = Metric{
		"sentinel_notifications_overdue_seconds", "gauge",
		"How long the channel's oldest waiting notification could have been sent already; " +
			"the time that it waits for others of its group does not count.",
		[]string{"channel"},
	}
	SilencesActive = Metric{
		"sentinel_silences_active", "gauge",
		"Silences in force.",
		nil,
	}
)

// The metrics of the load that the agent puts on a warehouse.
var (
	Statements = Metric{
		"sentinel_warehouse_statements_total", "counter",
		"Statements sent to the warehouse.",
		[]string{"warehouse"},
	}
	StatementErrors = Metric{
		"sentinel_warehouse_errors_total", "counter",
		"Statements that the warehouse answered with an error, by kind.",
		[]string{"warehouse", "kind"},
	}
	Connections = Metric{
		"sentinel_warehouse_connections_total", "counter",
		"Connections opened to the warehouse.",
		[]string{"warehouse"},
	}
	QuerySeconds = Metric{
		"sentinel_warehouse_query_seconds", "histogram",
		"Time from sending a batch of statements to its last answer.",
		[]string{"warehouse"},
	}
)
