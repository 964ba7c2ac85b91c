package exporters

// Metric is one metric that Sentinel exports.
type Metric struct {
	Name   string
	Type   string // gauge, counter, histogram
	Help   string
	Labels []string
}

// buckets are a histogram's classic ones: checks and statements take
// milliseconds to minutes, incidents and repairs seconds to days.
func (m Metric) buckets() []float64 {
	switch m.Name {
	case TimeToDetect.Name, TimeToResolve.Name, TimeToRepair.Name:
		return []float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600}
	}
	return []float64{0.005, 0.02, 0.08, 0.32, 1.28, 5.12, 20.48, 81.92}
}

// ofDataset reports whether there is a series of it a dataset, or several.
func (m Metric) ofDataset() bool {
	return len(m.Labels) >= len(byDataset) && m.Labels[1] == byDataset[1]
}

var byCheck = []string{"warehouse", "dataset", "check"}
var byDataset = byCheck[:2:2]
var bySegment = append(byCheck[:3:3], "segment")

// The metrics of checks: one series per check, and per segment where the check
// has some. The last value stays exported; its age is in CheckLastRun.
var (
	CheckStatus       = Metric{"sentinel_check_status", "gauge", "Outcome of the check's last run: 0 pass, 1 warn, 2 fail, 3 unknown, 4 error.", append(byCheck[:3:3], "kind")}
	CheckLastRun      = Metric{"sentinel_check_last_run_timestamp_seconds", "gauge", "Tick of the check's last run.", byCheck}
	Freshness         = Metric{"sentinel_freshness_seconds", "gauge", "Age of the newest row by the database's clock.", byCheck}
	NewestTimestamp   = Metric{"sentinel_newest_timestamp_seconds", "gauge", "Timestamp of the newest row.", byCheck}
	RowCount          = Metric{"sentinel_rows", "gauge", "Rows counted: of the table, of the last closed bucket, or of a segment.", bySegment}
	MissingPartitions = Metric{"sentinel_missing_partitions", "gauge", "Expected buckets without a row.", byCheck}
	CheckValue        = Metric{"sentinel_check_value", "gauge", "Value of a check that has no metric of its own.", bySegment}
	SchemaDrifts      = Metric{"sentinel_schema_drifts", "gauge", "Differences from the schema's reference that are not ignored.", append(byCheck[:3:3], "kind")}
	AnomalyScore      = Metric{"sentinel_anomaly_score", "gauge", "How unusual the last value is, 0 to 1; an alarm at 0.5 and above.", bySegment}
	ExpectedLow       = Metric{"sentinel_expected_low", "gauge", "Lower end of the range expected for the last value.", bySegment}
	ExpectedHigh      = Metric{"sentinel_expected_high", "gauge", "Upper end of the range expected for the last value.", bySegment}
)

// The metrics of the agent itself.
var (
	BuildInfo        = Metric{"sentinel_build_info", "gauge", "Always 1, with the version.", []string{"version"}}
	CheckResults     = Metric{"sentinel_check_results_total", "counter", "Runs of checks by outcome.", []string{"warehouse", "status"}}
	CheckDuration    = Metric{"sentinel_check_duration_seconds", "histogram", "Time from asking to judging a batch of checks.", []string{"warehouse"}}
	IncidentsOpen    = Metric{"sentinel_incidents_open", "gauge", "Unresolved incidents.", []string{"tier"}}
	TicksMissed      = Metric{"sentinel_ticks_missed_total", "counter", "Ticks that were not run because the agent was down or asleep.", byDataset}
	JobsSkipped      = Metric{"sentinel_jobs_skipped_total", "counter", "Ticks that were not run because the dataset's last one was still running.", byDataset}
	WarehouseUp      = Metric{"sentinel_warehouse_up", "gauge", "Whether the last look at the warehouse's catalog succeeded.", []string{"warehouse"}}
	ClockSkew        = Metric{"sentinel_warehouse_clock_skew_seconds", "gauge", "The warehouse's clock minus the agent's.", []string{"warehouse"}}
	ReplicationLag   = Metric{"sentinel_replication_lag_seconds", "gauge", "How far the standby that answers checks is behind its primary; NaN when it does not say, no series while a primary answers.", []string{"warehouse"}}
	Leading          = Metric{"sentinel_leading", "gauge", "Whether this agent leads (1), or stands by for another one with the same state (0).", nil}
	WorkShared       = Metric{"sentinel_work_shared_total", "counter", "Work of several agents with one state, by kind and by who did it: here, elsewhere, or unanswered by the agent that had taken it.", []string{"work", "where"}}
	StoreUp          = Metric{"sentinel_store_up", "gauge", "Whether the agent's memory could be written at the last try.", nil}
	ReloadSuccessful = Metric{"sentinel_config_last_reload_successful", "gauge", "Whether the last load of the configuration succeeded.", nil}
	ReloadTimestamp  = Metric{"sentinel_config_last_reload_success_timestamp_seconds", "gauge", "When the configuration in force was loaded.", nil}
	SeriesDropped    = Metric{"sentinel_series_dropped", "gauge", "Series left out of /metrics because of max_series.", nil}
)

// The metrics of datasets, of their deadlines, and of how good predictions were.
var (
	DatasetInfo     = Metric{"sentinel_dataset_info", "gauge", "Always 1: who owns the dataset and how much it matters.", append(byDataset[:2:2], "owner", "tier")}
	Risk            = Metric{"sentinel_risk", "gauge", "Probability that the dataset misses its next deadline.", byDataset}
	Deadline        = Metric{"sentinel_deadline_timestamp_seconds", "gauge", "The dataset's next deadline.", byDataset}
	ExpectedArrival = Metric{"sentinel_expected_arrival_timestamp_seconds", "gauge", "When the dataset's next load is expected.", byDataset}
	RiskBrier       = Metric{"sentinel_risk_brier_score", "gauge", "Mean squared error of the risks of the last 30 days; 0 is perfect.", byDataset}
	RiskSkill       = Metric{"sentinel_risk_brier_skill", "gauge", "How much better than the base rate the risks of the last 30 days were: 1 is perfect, 0 no better.", byDataset}
	RiskCalibration = Metric{"sentinel_risk_calibration_error", "gauge", "Mean distance of risks from the rate of misses over the last 30 days.", byDataset}
	RiskLead        = Metric{"sentinel_risk_lead_seconds", "gauge", "How long before the deadline the misses of the last 30 days were warned of, on average.", byDataset}
	RiskModel       = Metric{"sentinel_risk_model_active", "gauge", "1 while the dataset's own model answers, 0 while it is switched off for being worse than the base rate.", byDataset}
)

// The metrics of incidents, repairs and notifications.
var (
	Incidents            = Metric{"sentinel_incidents_total", "counter", "Transitions of incidents: opened, reopened, escalated, resolved.", []string{"tier", "transition"}}
	TimeToDetect         = Metric{"sentinel_time_to_detect_seconds", "histogram", "Time from the last good look to the opening of an incident.", []string{"tier"}}
	TimeToResolve        = Metric{"sentinel_time_to_resolve_seconds", "histogram", "Time from the opening of an incident to its end.", []string{"tier"}}
	TimeToRepair         = Metric{"sentinel_time_to_repair_seconds", "histogram", "Time from planning a repair to its verified success.", []string{"action"}}
	Repairs              = Metric{"sentinel_repairs_total", "counter", "Repairs that ended, by outcome: succeeded, rolled_back, failed, dead_letter, cancelled, superseded.", append(byDataset[:2:2], "action", "outcome")}
	RepairsActive        = Metric{"sentinel_repairs_active", "gauge", "Repairs that have not ended, by state.", []string{"state"}}
	BreakerState         = Metric{"sentinel_breaker_state", "gauge", "Circuit breaker: 0 closed, 1 half-open, 2 open.", []string{"breaker"}}
	Retries              = Metric{"sentinel_retries_total", "counter", "Tries after the first, of repairs and notifications.", []string{"of"}}
	DeadLetters          = Metric{"sentinel_dead_letters", "gauge", "What was given up and waits for a person.", []string{"of"}}
	AuditEntries         = Metric{"sentinel_audit_entries", "gauge", "Length of the audit log.", nil}
	Notifications        = Metric{"sentinel_notifications_total", "counter", "Notifications by channel and outcome: sent, retried, dead.", []string{"channel", "outcome"}}
	NotificationsPending = Metric{"sentinel_notifications_pending", "gauge", "Notifications that wait to be sent.", nil}
)

// The metrics of what the agent costs a warehouse.
var (
	Statements      = Metric{"sentinel_warehouse_statements_total", "counter", "Statements sent to the warehouse.", []string{"warehouse"}}
	StatementErrors = Metric{"sentinel_warehouse_errors_total", "counter", "Statements that the warehouse answered with an error, by kind.", []string{"warehouse", "kind"}}
	Connections     = Metric{"sentinel_warehouse_connections_total", "counter", "Connections opened to the warehouse.", []string{"warehouse"}}
	QuerySeconds    = Metric{"sentinel_warehouse_query_seconds", "histogram", "Time from sending a batch of statements to its last answer.", []string{"warehouse"}}
)

// Metrics lists all metrics: those rendered from results first, then the
// agent's own.
func Metrics() []Metric { return append(rendered(), registered()...) }

// rendered lists the series of checks, which are kept as text.
func rendered() []Metric {
	return []Metric{CheckStatus, CheckLastRun, Freshness, NewestTimestamp, RowCount, MissingPartitions, CheckValue, SchemaDrifts, AnomalyScore, ExpectedLow, ExpectedHigh}
}

// registered lists the others: those of datasets are kept as text too, the rest
// by client_golang.
func registered() []Metric {
	return []Metric{
		BuildInfo, CheckResults, CheckDuration, IncidentsOpen, TicksMissed, JobsSkipped, WarehouseUp, ClockSkew, ReplicationLag, StoreUp, Leading, WorkShared, ReloadSuccessful, ReloadTimestamp, SeriesDropped,
		DatasetInfo, Risk, Deadline, ExpectedArrival, RiskBrier, RiskSkill, RiskCalibration, RiskLead, RiskModel,
		Incidents, TimeToDetect, TimeToResolve, TimeToRepair, Repairs, RepairsActive, BreakerState, Retries, DeadLetters, AuditEntries, Notifications, NotificationsPending,
		Statements, StatementErrors, Connections, QuerySeconds,
	}
}
