package main

import "slices"

// dashboards are all dashboards. agent.go has the panels of the last one.
var dashboards = []dashboard{
	{
		"sentinel-overview", "Sentinel / Overview",
		"Are the datasets healthy, and are incidents and repairs handled in time?",
		slices.Concat(overview, levels),
	},
	{"sentinel-dataset", "Sentinel / Dataset", "One dataset or a few: age, rows, schema, risk.", dataset},
	{"sentinel-repairs", "Sentinel / Repairs", "Repairs, roll-backs and notifications.", slices.Concat(repairs, told)},
	{
		"sentinel-agent", "Sentinel / Agent and warehouse cost",
		"What checks cost, and whether the agent is healthy.", agent,
	},
}

// stale is 1 for each dataset whose freshness check fails.
const stale = `max by (warehouse, dataset) (sentinel_check_status{kind="freshness",` + matching + `} == bool 2)`

var overview = []panel{
	{
		title: "Datasets",
		about: "Datasets with checks.",
		kind:  "stat", unit: "short", width: 4, height: 4,
		queries: []query{
			{`count(max by (warehouse, dataset) (sentinel_dataset_info{` + matching + `}))`, ""},
		},
	},
	{
		title: "Fresh now",
		about: "Share of the datasets with a freshness check that are fresh.",
		kind:  "stat", unit: "percentunit", runbook: "SentinelDatasetStale", width: 4, height: 4, max: 1,
		steps: lowIsBad,
		queries: []query{
			{`1 - avg(` + stale + `)`, ""},
		},
	},
	{
		title: "Error budget left",
		about: "The budget is 1 % of datasets stale, over 30 days. Below 0 it is spent.",
		kind:  "stat", unit: "percentunit", runbook: "SentinelFreshnessBudgetBurn", width: 4, height: 4,
		steps: []step{{0, "red"}, {0.01, "yellow"}, {0.5, "green"}},
		queries: []query{
			{`1 - (avg_over_time((avg(` + stale + `))[30d:5m]) or avg(` + stale + `)) / 0.01`, ""},
		},
	},
	{
		title: "Open incidents",
		about: "Unresolved incidents by tier.",
		kind:  "stat", unit: "short", width: 4, height: 4,
		steps: highIsBad,
		queries: []query{
			{`sum by (tier) (sentinel_incidents_open)`, "{{tier}}"},
		},
	},
	{
		title: "Mean time to detect",
		about: "Time from the last good result to the opening of an incident, in the selected time range.",
		kind:  "stat", unit: "s", width: 4, height: 4,
		queries: []query{
			{
				`sum(increase(sentinel_time_to_detect_seconds_sum[$__range])) ` +
					`/ (sum(increase(sentinel_time_to_detect_seconds_count[$__range])) > 0) ` +
					`or sum(sentinel_time_to_detect_seconds_sum) / (sum(sentinel_time_to_detect_seconds_count) > 0)`,
				"",
			},
		},
	},
	{
		title: "Mean time to resolve",
		about: "Time from the opening of an incident to its end, in the selected time range.",
		kind:  "stat", unit: "s", width: 4, height: 4,
		queries: []query{
			{
				`sum(increase(sentinel_time_to_resolve_seconds_sum[$__range])) ` +
					`/ (sum(increase(sentinel_time_to_resolve_seconds_count[$__range])) > 0) ` +
					`or sum(sentinel_time_to_resolve_seconds_sum) ` +
					`/ (sum(sentinel_time_to_resolve_seconds_count) > 0)`,
				"",
			},
		},
	},
	{
		title: "Health by tier",
		about: "Share of the datasets of a tier without a failing check.",
		kind:  "timeseries", unit: "percentunit", runbook: "SentinelDatasetStale", width: 12, height: 8, max: 1,
		queries: []query{
			{
				`1 - avg by (tier) ((max by (warehouse, dataset) (sentinel_check_status{` + matching + `} < 3) == bool 2) ` +
					`* on (warehouse, dataset) ` +
					`group_left (tier) max by (warehouse, dataset, tier) (sentinel_dataset_info{owner=~"$owner"}))`,
				"{{tier}}",
			},
		},
	},
	{
		title: "Results by status",
		about: "Check runs per second, by status.",
		kind:  "timeseries", unit: "ops", runbook: "SentinelCheckCannotLook", width: 12, height: 8,
		queries: []query{
			{
				`sum by (status) (rate(sentinel_check_results_total{warehouse=~"$warehouse"}[$__rate_interval]))`,
				"{{status}}",
			},
		},
	},
	{
		title: "Unhealthy datasets",
		about: "The worst status of the checks of a dataset: 1 warn, 2 fail.",
		kind:  "table", unit: "short", runbook: "SentinelDatasetStale", width: 8, height: 9,
		queries: []query{
			{`topk(50, max by (warehouse, dataset) (sentinel_check_status{` + matching + `} < 3) > 0)`, ""},
		},
	},
	{
		title: "Next deadlines",
		about: "Time until the next deadline of each dataset. Below 0 the deadline has passed and no rows have arrived.",
		kind:  "table", unit: "s", runbook: "SentinelDeadlineMissed", width: 8, height: 9,
		queries: []query{
			{
				`bottomk(50, max by (warehouse, dataset) (sentinel_deadline_timestamp_seconds{` + matching + `}) ` +
					`- time())`,
				"",
			},
		},
	},
	{
		title: "Most at risk",
		about: "Probability that a dataset misses its next deadline.",
		kind:  "table", unit: "percentunit", runbook: "SentinelDeadlineAtRisk", width: 8, height: 9, max: 1,
		steps: atRisk,
		queries: []query{
			{`topk(20, max by (warehouse, dataset) (sentinel_risk{` + matching + `}))`, ""},
		},
	},
	{
		title: "Repair success",
		about: "Share of the finished repairs that succeeded.",
		kind:  "stat", unit: "percentunit", runbook: "SentinelRepairsFailing", width: 6, height: 6, max: 1,
		steps: []step{{0, "red"}, {0.5, "yellow"}, {0.9, "green"}},
		queries: []query{
			{
				`sum(sentinel_repairs_total{` + matching + `,outcome="succeeded"}) ` +
					`/ (sum(sentinel_repairs_total{` + matching + `,outcome!~"superseded|cancelled|shadow"}) > 0)`,
				"",
			},
		},
	},
	{
		title: "Incidents opened and resolved",
		about: "Transitions of incidents per hour.",
		kind:  "timeseries", unit: "short", width: 18, height: 6,
		queries: []query{
			{`sum by (transition) (increase(sentinel_incidents_total[1h]))`, "{{transition}}"},
		},
	},
}

var dataset = []panel{
	{
		title: "Status",
		about: "Status of each check over time: 0 pass, 1 warn, 2 fail, 3 unknown, 4 error.",
		kind:  "state-timeline", unit: "short", width: 24, height: 7,
		steps: []step{{0, "green"}, {1, "yellow"}, {2, "red"}, {3, "blue"}, {4, "purple"}},
		queries: []query{
			{`max by (check) (sentinel_check_status{` + matching + `})`, "{{check}}"},
		},
	},
	{
		title: "Age of the newest row",
		about: "Measured by the clock of the database.",
		kind:  "timeseries", unit: "s", runbook: "SentinelDatasetStale", width: 12, height: 8,
		queries: []query{
			{`max by (dataset) (sentinel_freshness_seconds{` + matching + `})`, "{{dataset}}"},
		},
	},
	{
		title: "Time to the deadline",
		about: "Time until the next deadline, and until the expected arrival. A deadline below 0 was missed.",
		kind:  "timeseries", unit: "s", runbook: "SentinelDeadlineMissed", width: 12, height: 8,
		queries: []query{
			{`max by (dataset) (sentinel_deadline_timestamp_seconds{` + matching + `}) - time()`, "{{dataset}} deadline"},
			{
				`max by (dataset) (sentinel_expected_arrival_timestamp_seconds{` + matching + `}) - time()`,
				"{{dataset}} expected",
			},
		},
	},
	{
		title: "Rows and expected range",
		about: "The last count of each check and segment, and the lowest and highest expected count.",
		kind:  "timeseries", unit: "short", runbook: "SentinelVolumeDrop", width: 12, height: 9,
		queries: []query{
			{`max by (check, segment) (sentinel_rows{` + matching + `})`, "{{check}} {{segment}}"},
			{`max by (check, segment) (sentinel_expected_low{` + matching + `})`, "{{check}} {{segment}} low"},
			{`max by (check, segment) (sentinel_expected_high{` + matching + `})`, "{{check}} {{segment}} high"},
		},
	},
	{
		title: "Anomaly score",
		about: "How unusual the last value is. 0.5 and above is an alarm.",
		kind:  "timeseries", unit: "percentunit", runbook: "SentinelAnomaly", width: 12, height: 9, max: 1,
		queries: []query{
			{`max by (check, segment) (sentinel_anomaly_score{` + matching + `})`, "{{check}} {{segment}}"},
		},
	},
	{
		title: "Risk of missing the next deadline",
		about: "Calculated at each check run, and every minute in between.",
		kind:  "timeseries", unit: "percentunit", runbook: "SentinelDeadlineAtRisk", width: 12, height: 8, max: 1,
		queries: []query{
			{`max by (dataset) (sentinel_risk{` + matching + `})`, "{{dataset}}"},
		},
	},
	{
		title: "Schema drifts",
		about: "Differences between the schema and its reference, by kind.",
		kind:  "timeseries", unit: "short", runbook: "SentinelSchemaDrift", width: 12, height: 8,
		queries: []query{
			{`sum by (dataset, kind) (sentinel_schema_drifts{` + matching + `})`, "{{dataset}} {{kind}}"},
		},
	},
	{
		title: "Missing partitions",
		about: "Expected buckets without a row.",
		kind:  "timeseries", unit: "short", runbook: "SentinelRowCountBad", width: 8, height: 7,
		queries: []query{
			{`max by (check) (sentinel_missing_partitions{` + matching + `})`, "{{check}}"},
		},
	},
	{
		title: "Other values",
		about: "Values of checks that have no metric of their own, such as sql.",
		kind:  "timeseries", unit: "short", runbook: "SentinelCheckFailing", width: 8, height: 7,
		queries: []query{
			{`max by (check, segment) (sentinel_check_value{` + matching + `})`, "{{check}} {{segment}}"},
		},
	},
	{
		title: "Quality of the risks",
		about: "Brier skill score against the base rate of misses: 1 is perfect, 0 is no better.",
		kind:  "timeseries", unit: "short", runbook: "SentinelRiskModelOff", width: 8, height: 7,
		queries: []query{
			{`max by (dataset) (sentinel_risk_brier_skill{` + matching + `})`, "{{dataset}}"},
		},
	},
}

var repairs = []panel{
	{
		title: "Finished repairs",
		about: "Repairs that ended, by outcome.",
		kind:  "timeseries", unit: "short", runbook: "SentinelRepairsFailing", width: 12, height: 8,
		queries: []query{
			{`sum by (outcome) (sentinel_repairs_total{` + matching + `})`, "{{outcome}}"},
		},
	},
	{
		title: "Active repairs",
		about: "Repairs by state. Those in awaiting_approval wait for a person.",
		kind:  "timeseries", unit: "short", runbook: "SentinelRepairAwaitsApproval", width: 12, height: 8,
		queries: []query{
			{`sum by (state) (sentinel_repairs_active)`, "{{state}}"},
		},
	},
	{
		title: "By action and dataset",
		about: "All repairs that ended since the agent started, by action, dataset and outcome.",
		kind:  "table", unit: "short", runbook: "SentinelRepairsFailing", width: 12, height: 8,
		queries: []query{
			{`sum by (warehouse, dataset, action, outcome) (sentinel_repairs_total{` + matching + `})`, ""},
		},
	},
	{
		title: "Time to repair",
		about: "Mean time from the plan of a repair to its verified success, by action.",
		kind:  "timeseries", unit: "s", width: 12, height: 8,
		queries: []query{
			{
				`sum by (action) (sentinel_time_to_repair_seconds_sum) ` +
					`/ (sum by (action) (sentinel_time_to_repair_seconds_count) > 0)`,
				"{{action}}",
			},
		},
	},
	{
		title: "Given up",
		about: "Repairs and notifications that were given up and wait for a person (dead letters).",
		kind:  "stat", unit: "short", runbook: "SentinelDeadLetters", width: 6, height: 5,
		steps: highIsBad,
		queries: []query{
			{`sum by (of) (sentinel_dead_letters)`, "{{of}}"},
		},
	},
	{
		title: "Circuit breakers",
		about: "0 closed, 1 half-open, 2 open.",
		kind:  "timeseries", unit: "short", runbook: "SentinelBreakerOpen", width: 9, height: 5, max: 2,
		queries: []query{
			{`max by (breaker) (sentinel_breaker_state)`, "{{breaker}}"},
		},
	},
	{
		title: "Notifications",
		about: "Notifications that were sent, retried or given up, by channel.",
		kind:  "timeseries", unit: "short", runbook: "SentinelNotificationsStuck", width: 9, height: 5,
		queries: []query{
			{`sum by (channel, outcome) (sentinel_notifications_total)`, "{{channel}} {{outcome}}"},
		},
	},
	{
		title: "Pending notifications",
		about: "Notifications that wait in the outbox.",
		kind:  "timeseries", unit: "short", runbook: "SentinelNotificationsStuck", width: 12, height: 6,
		queries: []query{
			{`sum(sentinel_notifications_pending)`, "waiting"},
		},
	},
	{
		title: "Audit log",
		about: "Number of entries. The log only grows.",
		kind:  "timeseries", unit: "short", width: 12, height: 6,
		queries: []query{
			{`max(sentinel_audit_entries)`, "entries"},
		},
	},
}
