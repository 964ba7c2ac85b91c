package main

var dashboards = []dashboard{
	{"sentinel-overview", "Sentinel / Overview", "Are the datasets well, and do people and repairs keep up?", overview},
	{"sentinel-dataset", "Sentinel / Dataset", "One dataset, or a few: age, rows, shape, risk.", dataset},
	{"sentinel-repairs", "Sentinel / Repairs", "What was repaired, what was taken back, and who was told.", repairs},
	{"sentinel-agent", "Sentinel / Agent and warehouse cost", "What checking costs, and whether the agent itself is well.", agent},
}

// stale is 1 for each dataset whose freshness check fails.
const stale = `max by (warehouse, dataset) (sentinel_check_status{kind="freshness",` + matching + `} == bool 2)`

var overview = []panel{
	{title: "Datasets", about: "Datasets that are watched.", kind: "stat", unit: "short", width: 4, height: 4, queries: []query{{`count(max by (warehouse, dataset) (sentinel_dataset_info{` + matching + `}))`, ""}}},
	{title: "Fresh now", about: "Share of datasets with a freshness check that are fresh.", kind: "stat", unit: "percentunit", runbook: "SentinelDatasetStale", width: 4, height: 4, max: 1, steps: lowIsBad,
		queries: []query{{`1 - avg(` + stale + `)`, ""}}},
	{title: "Error budget left", about: "Of 1 % of datasets stale, over 30 days. Below 0 it is spent.", kind: "stat", unit: "percentunit", runbook: "SentinelFreshnessBudgetBurn", width: 4, height: 4, steps: []step{{0, "red"}, {0.01, "yellow"}, {0.5, "green"}},
		queries: []query{{`1 - (avg_over_time((avg(` + stale + `))[30d:5m]) or avg(` + stale + `)) / 0.01`, ""}}},
	{title: "Open incidents", about: "Unresolved incidents by tier.", kind: "stat", unit: "short", width: 4, height: 4, steps: highIsBad, queries: []query{{`sum by (tier) (sentinel_incidents_open)`, "{{tier}}"}}},
	{title: "Mean time to detect", about: "From the last good look to the opening of an incident, over the time shown.", kind: "stat", unit: "s", width: 4, height: 4,
		queries: []query{{`sum(increase(sentinel_time_to_detect_seconds_sum[$__range])) / (sum(increase(sentinel_time_to_detect_seconds_count[$__range])) > 0) or sum(sentinel_time_to_detect_seconds_sum) / sum(sentinel_time_to_detect_seconds_count)`, ""}}},
	{title: "Mean time to resolve", about: "From the opening of an incident to its end, over the time shown.", kind: "stat", unit: "s", width: 4, height: 4,
		queries: []query{{`sum(increase(sentinel_time_to_resolve_seconds_sum[$__range])) / (sum(increase(sentinel_time_to_resolve_seconds_count[$__range])) > 0) or sum(sentinel_time_to_resolve_seconds_sum) / sum(sentinel_time_to_resolve_seconds_count)`, ""}}},
	{title: "Health by tier", about: "Share of datasets of a tier none of whose checks fails.", kind: "timeseries", unit: "percentunit", runbook: "SentinelDatasetStale", width: 12, height: 8, max: 1,
		queries: []query{{`1 - avg by (tier) ((max by (warehouse, dataset) (sentinel_check_status{` + matching + `} < 3) == bool 2) * on (warehouse, dataset) group_left (tier) max by (warehouse, dataset, tier) (sentinel_dataset_info{owner=~"$owner"}))`, "{{tier}}"}}},
	{title: "Results by status", about: "Runs of checks a second, by outcome.", kind: "timeseries", unit: "ops", runbook: "SentinelCheckCannotLook", width: 12, height: 8,
		queries: []query{{`sum by (status) (rate(sentinel_check_results_total{warehouse=~"$warehouse"}[$__rate_interval]))`, "{{status}}"}}},
	{title: "Datasets that are not well", about: "The worst status of a dataset's checks: 1 warn, 2 fail.", kind: "table", unit: "short", runbook: "SentinelDatasetStale", width: 8, height: 9,
		queries: []query{{`topk(50, max by (warehouse, dataset) (sentinel_check_status{` + matching + `} < 3) > 0)`, ""}}},
	{title: "Next deadlines", about: "Time until each dataset's next deadline; below 0 it has passed and nothing has come.", kind: "table", unit: "s", runbook: "SentinelDeadlineMissed", width: 8, height: 9,
		queries: []query{{`bottomk(50, max by (warehouse, dataset) (sentinel_deadline_timestamp_seconds{` + matching + `}) - time())`, ""}}},
	{title: "Most at risk", about: "Probability that a dataset misses its next deadline.", kind: "table", unit: "percentunit", runbook: "SentinelDeadlineAtRisk", width: 8, height: 9, max: 1, steps: atRisk,
		queries: []query{{`topk(20, max by (warehouse, dataset) (sentinel_risk{` + matching + `}))`, ""}}},
	{title: "Repair success", about: "Share of the repairs that ended in success.", kind: "stat", unit: "percentunit", runbook: "SentinelRepairsFailing", width: 6, height: 6, max: 1, steps: []step{{0, "red"}, {0.5, "yellow"}, {0.9, "green"}},
		queries: []query{{`sum(sentinel_repairs_total{` + matching + `,outcome="succeeded"}) / sum(sentinel_repairs_total{` + matching + `,outcome!~"superseded|cancelled"})`, ""}}},
	{title: "Incidents opened and resolved", about: "Transitions of incidents an hour.", kind: "timeseries", unit: "short", width: 18, height: 6,
		queries: []query{{`sum by (transition) (increase(sentinel_incidents_total[1h]))`, "{{transition}}"}}},
}

var dataset = []panel{
	{title: "Status", about: "Every check over time: 0 pass, 1 warn, 2 fail, 3 unknown, 4 error.", kind: "state-timeline", unit: "short", width: 24, height: 7, steps: []step{{0, "green"}, {1, "yellow"}, {2, "red"}, {3, "blue"}, {4, "purple"}},
		queries: []query{{`max by (check) (sentinel_check_status{` + matching + `})`, "{{check}}"}}},
	{title: "Age of the newest row", about: "By the database's clock.", kind: "timeseries", unit: "s", runbook: "SentinelDatasetStale", width: 12, height: 8,
		queries: []query{{`max by (dataset) (sentinel_freshness_seconds{` + matching + `})`, "{{dataset}}"}}},
	{title: "Time to the deadline", about: "Until the next deadline, and until the expected arrival; a deadline below 0 was missed.", kind: "timeseries", unit: "s", runbook: "SentinelDeadlineMissed", width: 12, height: 8,
		queries: []query{
			{`max by (dataset) (sentinel_deadline_timestamp_seconds{` + matching + `}) - time()`, "{{dataset}} deadline"},
			{`max by (dataset) (sentinel_expected_arrival_timestamp_seconds{` + matching + `}) - time()`, "{{dataset}} expected"},
		}},
	{title: "Rows, with what is expected", about: "The last count of each check and segment, between the lowest and the highest that is usual.", kind: "timeseries", unit: "short", runbook: "SentinelVolumeDrop", width: 12, height: 9,
		queries: []query{
			{`max by (check, segment) (sentinel_rows{` + matching + `})`, "{{check}} {{segment}}"},
			{`max by (check, segment) (sentinel_expected_low{` + matching + `})`, "{{check}} {{segment}} low"},
			{`max by (check, segment) (sentinel_expected_high{` + matching + `})`, "{{check}} {{segment}} high"},
		}},
	{title: "Anomaly score", about: "How unusual the last value is; an alarm at 0.5 and above.", kind: "timeseries", unit: "percentunit", runbook: "SentinelAnomaly", width: 12, height: 9, max: 1,
		queries: []query{{`max by (check, segment) (sentinel_anomaly_score{` + matching + `})`, "{{check}} {{segment}}"}}},
	{title: "Risk of missing the next deadline", about: "Given at every look, and every minute between.", kind: "timeseries", unit: "percentunit", runbook: "SentinelDeadlineAtRisk", width: 12, height: 8, max: 1,
		queries: []query{{`max by (dataset) (sentinel_risk{` + matching + `})`, "{{dataset}}"}}},
	{title: "Drift log", about: "Differences from the schema's reference, by kind.", kind: "timeseries", unit: "short", runbook: "SentinelSchemaDrift", width: 12, height: 8,
		queries: []query{{`sum by (dataset, kind) (sentinel_schema_drifts{` + matching + `})`, "{{dataset}} {{kind}}"}}},
	{title: "Missing partitions", about: "Expected buckets without a row.", kind: "timeseries", unit: "short", runbook: "SentinelRowCountBad", width: 8, height: 7,
		queries: []query{{`max by (check) (sentinel_missing_partitions{` + matching + `})`, "{{check}}"}}},
	{title: "Other values", about: "Numbers of checks that have no metric of their own, such as sql.", kind: "timeseries", unit: "short", runbook: "SentinelCheckFailing", width: 8, height: 7,
		queries: []query{{`max by (check, segment) (sentinel_check_value{` + matching + `})`, "{{check}} {{segment}}"}}},
	{title: "How good the risks were", about: "Brier skill over the base rate: 1 is perfect, 0 no better than the rate of misses.", kind: "timeseries", unit: "short", runbook: "SentinelRiskModelOff", width: 8, height: 7,
		queries: []query{{`max by (dataset) (sentinel_risk_brier_skill{` + matching + `})`, "{{dataset}}"}}},
}

var repairs = []panel{
	{title: "Repairs that ended", about: "By outcome.", kind: "timeseries", unit: "short", runbook: "SentinelRepairsFailing", width: 12, height: 8,
		queries: []query{{`sum by (outcome) (sentinel_repairs_total{` + matching + `})`, "{{outcome}}"}}},
	{title: "Repairs under way", about: "By state; awaiting_approval wait for a person.", kind: "timeseries", unit: "short", runbook: "SentinelRepairAwaitsApproval", width: 12, height: 8,
		queries: []query{{`sum by (state) (sentinel_repairs_active)`, "{{state}}"}}},
	{title: "By action and dataset", about: "All repairs that ended since the agent started.", kind: "table", unit: "short", runbook: "SentinelRepairsFailing", width: 12, height: 8,
		queries: []query{{`sum by (warehouse, dataset, action, outcome) (sentinel_repairs_total{` + matching + `})`, ""}}},
	{title: "Time to repair", about: "From planning a repair to its verified success, on average by action.", kind: "timeseries", unit: "s", width: 12, height: 8,
		queries: []query{{`sum by (action) (sentinel_time_to_repair_seconds_sum) / sum by (action) (sentinel_time_to_repair_seconds_count)`, "{{action}}"}}},
	{title: "Given up", about: "What waits for a person: dead letters of repairs and notifications.", kind: "stat", unit: "short", runbook: "SentinelDeadLetters", width: 6, height: 5, steps: highIsBad,
		queries: []query{{`sum by (of) (sentinel_dead_letters)`, "{{of}}"}}},
	{title: "Circuit breakers", about: "0 closed, 1 half-open, 2 open.", kind: "timeseries", unit: "short", runbook: "SentinelBreakerOpen", width: 9, height: 5, max: 2,
		queries: []query{{`max by (breaker) (sentinel_breaker_state)`, "{{breaker}}"}}},
	{title: "Notices", about: "Sent, retried and given up, by channel.", kind: "timeseries", unit: "short", runbook: "SentinelNotificationsStuck", width: 9, height: 5,
		queries: []query{{`sum by (channel, outcome) (sentinel_notifications_total)`, "{{channel}} {{outcome}}"}}},
	{title: "Notices that wait", about: "In the outbox.", kind: "timeseries", unit: "short", runbook: "SentinelNotificationsStuck", width: 12, height: 6, queries: []query{{`sum(sentinel_notifications_pending)`, "waiting"}}},
	{title: "Audit log", about: "Entries; it only ever grows.", kind: "timeseries", unit: "short", width: 12, height: 6, queries: []query{{`max(sentinel_audit_entries)`, "entries"}}},
}

var agent = []panel{
	{title: "Warehouses up", about: "Whether the last look at the catalog succeeded.", kind: "stat", unit: "short", runbook: "SentinelWarehouseDown", width: 6, height: 5, max: 1, steps: []step{{0, "red"}, {1, "green"}},
		queries: []query{{`min by (warehouse) (sentinel_warehouse_up{warehouse=~"$warehouse"})`, "{{warehouse}}"}}},
	{title: "State writable", about: "Whether the agent's memory could be written at the last try.", kind: "stat", unit: "short", runbook: "SentinelStoreDown", width: 4, height: 5, steps: []step{{0, "red"}, {1, "green"}}, queries: []query{{`min(sentinel_store_up)`, ""}}},
	{title: "Configuration", about: "1 when the last reload succeeded.", kind: "stat", unit: "short", runbook: "SentinelReloadFailed", width: 4, height: 5, steps: []step{{0, "red"}, {1, "green"}}, queries: []query{{`min(sentinel_config_last_reload_successful)`, ""}}},
	{title: "Series left out", about: "Beyond max_series.", kind: "stat", unit: "short", runbook: "SentinelSeriesDropped", width: 4, height: 5, steps: highIsBad, queries: []query{{`max(sentinel_series_dropped)`, ""}}},
	{title: "Agents", about: "By version.", kind: "stat", unit: "short", runbook: "SentinelAgentDown", width: 6, height: 5, queries: []query{{`count by (version) (sentinel_build_info)`, "{{version}}"}}},
	{title: "Statements", about: "Sent to each warehouse a second.", kind: "timeseries", unit: "ops", width: 12, height: 8, queries: []query{{`sum by (warehouse) (rate(sentinel_warehouse_statements_total{warehouse=~"$warehouse"}[$__rate_interval]))`, "{{warehouse}}"}}},
	{title: "Time of a batch", about: "From sending a batch of statements to its last answer: median and 99th percentile.", kind: "timeseries", unit: "s", width: 12, height: 8,
		queries: []query{
			{`histogram_quantile(0.5, sum by (le, warehouse) (rate(sentinel_warehouse_query_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`, "{{warehouse}} median"},
			{`histogram_quantile(0.99, sum by (le, warehouse) (rate(sentinel_warehouse_query_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`, "{{warehouse}} 99 %"},
		}},
	{title: "Errors", about: "Statements that the warehouse answered with an error, by kind.", kind: "timeseries", unit: "short", runbook: "SentinelCheckCannotLook", width: 8, height: 7,
		queries: []query{{`sum by (warehouse, kind) (sentinel_warehouse_errors_total{warehouse=~"$warehouse"})`, "{{warehouse}} {{kind}}"}}},
	{title: "Retries", about: "Tries after the first, of repairs and notifications.", kind: "timeseries", unit: "short", width: 8, height: 7, queries: []query{{`sum by (of) (sentinel_retries_total)`, "{{of}}"}}},
	{title: "Connections opened", about: "To each warehouse (PostgreSQL and MySQL). It should stand still.", kind: "timeseries", unit: "short", width: 8, height: 7,
		queries: []query{{`sum by (warehouse) (sentinel_warehouse_connections_total{warehouse=~"$warehouse"})`, "{{warehouse}}"}}},
	{title: "Time of a batch of checks", about: "From asking to judging: median and 99th percentile.", kind: "timeseries", unit: "s", runbook: "SentinelChecksOverrun", width: 12, height: 7,
		queries: []query{
			{`histogram_quantile(0.5, sum by (le) (rate(sentinel_check_duration_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`, "median"},
			{`histogram_quantile(0.99, sum by (le) (rate(sentinel_check_duration_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`, "99 %"},
		}},
	{title: "Longest since a check ran", about: "The three checks whose last run is the oldest.", kind: "timeseries", unit: "s", runbook: "SentinelCheckStopped", width: 12, height: 7,
		queries: []query{{`topk(3, time() - sentinel_check_last_run_timestamp_seconds{` + matching + `})`, "{{check}}"}}},
	{title: "Ticks missed and skipped", about: "Missed: the agent was down. Skipped: the one before still ran.", kind: "timeseries", unit: "short", runbook: "SentinelTicksMissed", width: 8, height: 7,
		queries: []query{{`sum(sentinel_ticks_missed_total{` + matching + `})`, "missed"}, {`sum(sentinel_jobs_skipped_total{` + matching + `})`, "skipped"}}},
	{title: "Clock skew", about: "The warehouse's clock minus the agent's.", kind: "timeseries", unit: "s", runbook: "SentinelClockSkew", width: 8, height: 7, queries: []query{{`max by (warehouse) (sentinel_warehouse_clock_skew_seconds{warehouse=~"$warehouse"})`, "{{warehouse}}"}}},
	{title: "Memory of the agent", about: "Resident.", kind: "timeseries", unit: "bytes", width: 4, height: 7, queries: []query{{`process_resident_memory_bytes and on (instance) sentinel_build_info`, "{{instance}}"}}},
	{title: "CPU of the agent", about: "Seconds a second.", kind: "timeseries", unit: "percentunit", width: 4, height: 7, queries: []query{{`rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) sentinel_build_info`, "{{instance}}"}}},
}
