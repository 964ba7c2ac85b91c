package main

// agent is the dashboard of the agent and of what checks cost.
var agent = []panel{
	{
		title: "Warehouses up",
		about: "1 if the warehouse answered the last batch of checks, 0 if not.",
		kind:  "stat", unit: "short", runbook: "SentinelWarehouseDown", width: 6, height: 5, max: 1,
		steps: []step{{0, "red"}, {1, "green"}},
		queries: []query{
			{`min by (warehouse) (sentinel_warehouse_up{warehouse=~"$warehouse"})`, "{{warehouse}}"},
		},
	},
	{
		title: "State writable",
		about: "1 if the last write to the state of the agent succeeded, 0 if not.",
		kind:  "stat", unit: "short", runbook: "SentinelStoreDown", width: 4, height: 5,
		steps: []step{{0, "red"}, {1, "green"}},
		queries: []query{
			{`min(sentinel_store_up)`, ""},
		},
	},
	{
		title: "Configuration",
		about: "1 if the last reload succeeded, 0 if not.",
		kind:  "stat", unit: "short", runbook: "SentinelReloadFailed", width: 4, height: 5,
		steps: []step{{0, "red"}, {1, "green"}},
		queries: []query{
			{`min(sentinel_config_last_reload_successful)`, ""},
		},
	},
	{
		title: "Series left out",
		about: "Series that are left out of /metrics because of max_series.",
		kind:  "stat", unit: "short", runbook: "SentinelSeriesDropped", width: 4, height: 5,
		steps: highIsBad,
		queries: []query{
			{`max(sentinel_series_dropped)`, ""},
		},
	},
	{
		title: "Agents",
		about: "Number of agents by version.",
		kind:  "stat", unit: "short", runbook: "SentinelAgentDown", width: 6, height: 5,
		queries: []query{
			{`count by (version) (sentinel_build_info)`, "{{version}}"},
		},
	},
	{
		title: "Statements",
		about: "Statements sent to each warehouse per second.",
		kind:  "timeseries", unit: "ops", width: 12, height: 8,
		queries: []query{
			{
				`sum by (warehouse) (rate(sentinel_warehouse_statements_total{warehouse=~"$warehouse"}[$__rate_interval]))`,
				"{{warehouse}}",
			},
		},
	},
	{
		title: "Time of a batch",
		about: "Time from sending a batch of statements to its last answer: median and 99th percentile.",
		kind:  "timeseries", unit: "s", width: 12, height: 8,
		queries: []query{
			{
				`histogram_quantile(0.5, sum by (le, warehouse) ` +
					`(rate(sentinel_warehouse_query_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`,
				"{{warehouse}} median",
			},
			{
				`histogram_quantile(0.99, sum by (le, warehouse) ` +
					`(rate(sentinel_warehouse_query_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`,
				"{{warehouse}} 99 %",
			},
		},
	},
	{
		title: "Errors",
		about: "Statements that the warehouse answered with an error, by kind.",
		kind:  "timeseries", unit: "short", runbook: "SentinelCheckCannotLook", width: 8, height: 7,
		queries: []query{
			{
				`sum by (warehouse, kind) (sentinel_warehouse_errors_total{warehouse=~"$warehouse"})`,
				"{{warehouse}} {{kind}}",
			},
		},
	},
	{
		title: "Retries",
		about: "Attempts after the first, of repairs and notifications.",
		kind:  "timeseries", unit: "short", width: 8, height: 7,
		queries: []query{
			{`sum by (of) (sentinel_retries_total)`, "{{of}}"},
		},
	},
	{
		title: "Connections opened",
		about: "Connections opened to each warehouse since the agent started. The line should be flat.",
		kind:  "timeseries", unit: "short", width: 8, height: 7,
		queries: []query{
			{`sum by (warehouse) (sentinel_warehouse_connections_total{warehouse=~"$warehouse"})`, "{{warehouse}}"},
		},
	},
	{
		title: "Time of a batch of checks",
		about: "Time from the first statement of a batch of checks to its results: median and 99th percentile.",
		kind:  "timeseries", unit: "s", runbook: "SentinelChecksOverrun", width: 12, height: 7,
		queries: []query{
			{
				`histogram_quantile(0.5, sum by (le) ` +
					`(rate(sentinel_check_duration_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`,
				"median",
			},
			{
				`histogram_quantile(0.99, sum by (le) ` +
					`(rate(sentinel_check_duration_seconds_bucket{warehouse=~"$warehouse"}[$__rate_interval])))`,
				"99 %",
			},
		},
	},
	{
		title: "Most overdue checks",
		about: "The three checks whose next run has been due for the longest time. Below 0 it is not due yet.",
		kind:  "timeseries", unit: "s", runbook: "SentinelCheckStopped", width: 12, height: 7,
		queries: []query{
			{`topk(3, time() - sentinel_check_next_run_timestamp_seconds{` + matching + `})`, "{{check}}"},
		},
	},
	{
		title: "Ticks missed and skipped",
		about: "Missed: the agent was down or its machine was asleep. Skipped: the previous tick still ran.",
		kind:  "timeseries", unit: "short", runbook: "SentinelTicksMissed", width: 6, height: 7,
		queries: []query{
			{`sum(sentinel_ticks_missed_total{` + matching + `})`, "missed"},
			{`sum(sentinel_jobs_skipped_total{` + matching + `})`, "skipped"},
		},
	},
	{
		title: "Clock skew",
		about: "The warehouse's clock minus the agent's.",
		kind:  "timeseries", unit: "s", runbook: "SentinelClockSkew", width: 6, height: 7,
		queries: []query{
			{`max by (warehouse) (sentinel_warehouse_clock_skew_seconds{warehouse=~"$warehouse"})`, "{{warehouse}}"},
		},
	},
	{
		title: "Replication lag",
		about: "Lag of the standby that answers the checks. 0 while a primary answers.",
		kind:  "timeseries", unit: "s", runbook: "SentinelStandbyLags", width: 6, height: 7,
		queries: []query{
			{
				`max by (warehouse) (sentinel_replication_lag_seconds{warehouse=~"$warehouse"}) ` +
					`or max by (warehouse) (sentinel_warehouse_up{warehouse=~"$warehouse"}) * 0`,
				"{{warehouse}}",
			},
		},
	},
	{
		title: "Memory of the agent",
		about: "Resident memory.",
		kind:  "timeseries", unit: "bytes", width: 3, height: 7,
		queries: []query{
			{`process_resident_memory_bytes and on (instance) sentinel_build_info`, "{{instance}}"},
		},
	},
	{
		title: "CPU of the agent",
		about: "CPU seconds per second.",
		kind:  "timeseries", unit: "percentunit", width: 3, height: 7,
		queries: []query{
			{`rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) sentinel_build_info`, "{{instance}}"},
		},
	},
}
