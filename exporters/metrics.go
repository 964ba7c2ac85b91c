package exporters

// Metric is one metric that Sentinel exports.
type Metric struct {
	Name   string
	Type   string // gauge, counter, histogram
	Help   string
	Labels []string
}

// buckets returns the classic buckets of a histogram. Checks and statements take
// milliseconds to minutes; incidents and repairs take seconds to days.
func (m Metric) buckets() []float64 {
	switch m.Name {
	case TimeToDetect.Name, TimeToResolve.Name, TimeToRepair.Name:
		return []float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600}
	}
	return []float64{0.005, 0.02, 0.08, 0.32, 1.28, 5.12, 20.48, 81.92}
}

// byDataset reports whether the metric has one series or more for each dataset.
func (m Metric) byDataset() bool {
	return len(m.Labels) >= len(byDataset) && m.Labels[1] == byDataset[1]
}

// bySegment reports whether the metric has a series for each segment of a check.
func (m Metric) bySegment() bool {
	return len(m.Labels) == len(bySegment) && m.Labels[3] == bySegment[3]
}

var byCheck = []string{"warehouse", "dataset", "check"}
var byDataset = byCheck[:2:2]
var bySegment = append(byCheck[:3:3], "segment")

// The metrics of checks have one series per check, or per segment of a check. The last
// value stays exported; CheckLastRun shows its age.
var (
	CheckStatus = Metric{
		"sentinel_check_status", "gauge",
		"Outcome of the check's last run: 0 pass, 1 warn, 2 fail, 3 unknown, 4 error.",
		append(byCheck[:3:3], "kind"),
	}
	CheckLastRun = Metric{
		"sentinel_check_last_run_timestamp_seconds", "gauge",
		"Scheduled time of the last run in which the check could look; a run that ends in an error does not count.",
		byCheck,
	}
	CheckLastTry = Metric{
		"sentinel_check_last_try_timestamp_seconds", "gauge",
		"Scheduled time of the check's last run, also of one that ended in an error.",
		byCheck,
	}
	CheckNextRun = Metric{
		"sentinel_check_next_run_timestamp_seconds", "gauge",
		"Time at which the check's next run begins. It lies in the past while that run has no result.",
		byCheck,
	}
	CheckLastGood = Metric{
		"sentinel_check_last_good_timestamp_seconds", "gauge",
		"Scheduled time of the last run that passed.",
		byCheck,
	}
	Freshness = Metric{
		"sentinel_freshness_seconds", "gauge",
		"Age of the newest row by the database's clock at the last run; no series while the check is in error.",
		byCheck,
	}
	NewestTimestamp = Metric{
		"sentinel_newest_timestamp_seconds", "gauge",
		"Timestamp of the newest row.",
		byCheck,
	}
	RowCount = Metric{
		"sentinel_rows", "gauge",
		"Rows counted: of the table, of the last closed bucket, or of a segment.",
		bySegment,
	}
	MissingPartitions = Metric{
		"sentinel_missing_partitions", "gauge",
		"Expected buckets without a row.",
		byCheck,
	}
	FailedRows = Metric{
		"sentinel_failed_rows", "gauge",
		"Bad rows: of the table, of the last closed bucket, or of a segment.",
		bySegment,
	}
	ExaminedRows = Metric{
		"sentinel_examined_rows", "gauge",
		"Rows or values that the bad ones are a share of.",
		bySegment,
	}
	CheckValue = Metric{
		"sentinel_check_value", "gauge",
		"Value of a check that has no metric of its own.",
		bySegment,
	}
	SchemaDrifts = Metric{
		"sentinel_schema_drifts", "gauge",
		"Schema drifts that are not ignored, by kind.",
		append(byCheck[:3:3], "kind"),
	}
	AnomalyScore = Metric{
		"sentinel_anomaly_score", "gauge",
		"How unusual the last value is, 0 to 1; an alarm at 0.5 and above.",
		bySegment,
	}
	ExpectedLow = Metric{
		"sentinel_expected_low", "gauge",
		"Lower end of the range expected for the last value.",
		bySegment,
	}
	ExpectedHigh = Metric{
		"sentinel_expected_high", "gauge",
		"Upper end of the range expected for the last value.",
		bySegment,
	}
)

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
		"Whether the warehouse answered the last batch of checks (1) or not (0).",
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

// The metrics of datasets, of their deadlines, and of the quality of predictions.
var (
	DatasetInfo = Metric{
		"sentinel_dataset_info", "gauge",
		"Always 1, with the dataset's owner and tier.",
		append(byDataset[:2:2], "owner", "tier"),
	}
	Risk = Metric{
		"sentinel_risk", "gauge",
		"Probability that the dataset misses its next deadline.",
		byDataset,
	}
	Deadline = Metric{
		"sentinel_deadline_timestamp_seconds", "gauge",
		"The dataset's next deadline, or the last one while it is not known whether rows came in time.",
		byDataset,
	}
	ArrivalsKnown = Metric{
		"sentinel_arrivals_known_timestamp_seconds", "gauge",
		"Time up to which it is known whether rows have arrived for the dataset's deadline.",
		byDataset,
	}
	ExpectedArrival = Metric{
		"sentinel_expected_arrival_timestamp_seconds", "gauge",
		"Time at which the dataset's next load is expected.",
		byDataset,
	}
	RiskBrier = Metric{
		"sentinel_risk_brier_score", "gauge",
		"Mean squared error of the risks of the last 30 days; 0 is perfect.",
		byDataset,
	}
	RiskSkill = Metric{
		"sentinel_risk_brier_skill", "gauge",
		"How much better than the base rate the risks of the last 30 days were: 1 is perfect, 0 no better.",
		byDataset,
	}
	RiskCalibration = Metric{
		"sentinel_risk_calibration_error", "gauge",
		"Mean distance of risks from the rate of misses over the last 30 days.",
		byDataset,
	}
	RiskLead = Metric{
		"sentinel_risk_lead_seconds", "gauge",
		"Mean time from the first warning to the deadline, of the deadlines missed in the last 30 days.",
		byDataset,
	}
	RiskModel = Metric{
		"sentinel_risk_model_active", "gauge",
		"Whether the dataset's own model is used (1), or is off because it is worse than the base rate (0).",
		byDataset,
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
