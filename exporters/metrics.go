package exporters

// Metric is one metric that Sentinel exports.
type Metric struct {
	Name   string
	Type   string // gauge, counter, histogram
	Help   string
	Labels []string
}

var byCheck = []string{"warehouse", "dataset", "check"}
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
	TicksMissed      = Metric{"sentinel_ticks_missed_total", "counter", "Ticks that were not run because the agent was down or asleep.", []string{"warehouse", "dataset"}}
	JobsSkipped      = Metric{"sentinel_jobs_skipped_total", "counter", "Ticks that were not run because the dataset's last one was still running.", []string{"warehouse", "dataset"}}
	WarehouseUp      = Metric{"sentinel_warehouse_up", "gauge", "Whether the last look at the warehouse's catalog succeeded.", []string{"warehouse"}}
	ClockSkew        = Metric{"sentinel_warehouse_clock_skew_seconds", "gauge", "The warehouse's clock minus the agent's.", []string{"warehouse"}}
	StoreUp          = Metric{"sentinel_store_up", "gauge", "Whether the agent's memory could be written at the last try.", nil}
	ReloadSuccessful = Metric{"sentinel_config_last_reload_successful", "gauge", "Whether the last load of the configuration succeeded.", nil}
	ReloadTimestamp  = Metric{"sentinel_config_last_reload_success_timestamp_seconds", "gauge", "When the configuration in force was loaded.", nil}
	SeriesDropped    = Metric{"sentinel_series_dropped", "gauge", "Series left out of /metrics because of max_series.", nil}
)

// Metrics lists all metrics, those of checks first.
func Metrics() []Metric {
	return []Metric{
		CheckStatus, CheckLastRun, Freshness, NewestTimestamp, RowCount, MissingPartitions, CheckValue, SchemaDrifts, AnomalyScore, ExpectedLow, ExpectedHigh,
		BuildInfo, CheckResults, CheckDuration, IncidentsOpen, TicksMissed, JobsSkipped, WarehouseUp, ClockSkew, StoreUp, ReloadSuccessful, ReloadTimestamp, SeriesDropped,
	}
}
