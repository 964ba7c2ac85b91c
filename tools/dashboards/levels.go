package main

// levels are the panels of service levels and of what keeps people from being told.
var levels = []panel{
	{
		title: "Error budgets left",
		about: "The datasets with the least error budget of their objective left. Below 0 it is spent.",
		kind:  "table", unit: "percentunit", runbook: "SentinelSLOBurn", width: 8, height: 8,
		queries: []query{
			{
				`bottomk(50, max by (warehouse, dataset, slo) (sentinel_slo_budget_remaining_ratio{` + matching + `}))`,
				"",
			},
		},
	},
	{
		title: "Burn rates",
		about: "The highest burn rates over an hour. At 1 the budget lasts exactly for its window.",
		kind:  "timeseries", unit: "short", runbook: "SentinelSLOBurn", width: 8, height: 8,
		queries: []query{
			{
				`topk(5, max by (warehouse, dataset, slo) (sentinel_slo_burn_rate{window="1h",` + matching + `}))`,
				"{{dataset}} {{slo}}",
			},
		},
	},
	{
		title: "Actual and judged",
		about: "The lowest shares of good time in the window of the objective, and of time that was judged at all.",
		kind:  "timeseries", unit: "percentunit", runbook: "SentinelSLOBurnSlow", width: 8, height: 8, max: 1,
		queries: []query{
			{
				`bottomk(3, max by (warehouse, dataset, slo) (sentinel_slo_actual_ratio{` + matching + `}))`,
				"{{dataset}} {{slo}}",
			},
			{
				`bottomk(3, max by (warehouse, dataset, slo) (sentinel_slo_judged_ratio{` + matching + `}))`,
				"{{dataset}} {{slo}} judged",
			},
		},
	},
}

// told are the panels of notifications that do not leave.
var told = []panel{
	{
		title: "Overdue notifications",
		about: "How long the oldest notification of a channel could have been sent already.",
		kind:  "timeseries", unit: "s", runbook: "SentinelNotificationsStuck", width: 12, height: 6,
		queries: []query{
			{`max by (channel) (sentinel_notifications_overdue_seconds)`, "{{channel}}"},
		},
	},
	{
		title: "Silences",
		about: "Silences in force.",
		kind:  "timeseries", unit: "short", width: 12, height: 6,
		queries: []query{
			{`sum(sentinel_silences_active)`, "silences"},
		},
	},
}
