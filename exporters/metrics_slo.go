package exporters

var byIndicator = append(byDataset[:2:2], "slo")

// The metrics of service levels. The label slo is loads (rows come by their deadline) or
// checks (they pass). The agent computes them from its state.
var (
	SLOObjective = Metric{
		"sentinel_slo_objective_ratio", "gauge",
		"Promised share of good time.",
		byDataset,
	}
	SLOWindow = Metric{
		"sentinel_slo_window_seconds", "gauge",
		"Time over which the objective is promised.",
		byDataset,
	}
	SLOActual = Metric{
		"sentinel_slo_actual_ratio", "gauge",
		"Share of good time in the judged time of the window; no series where nothing was judged.",
		byIndicator,
	}
	SLOBudget = Metric{
		"sentinel_slo_budget_remaining_ratio", "gauge",
		"Share of the error budget that is left; negative where more was spent; no series where nothing was judged.",
		byIndicator,
	}
	SLOJudged = Metric{
		"sentinel_slo_judged_ratio", "gauge",
		"Share of the window's known time that was judged: the rest was unknown, in error, or not looked at.",
		byIndicator,
	}
	SLOBurn = Metric{
		"sentinel_slo_burn_rate", "gauge",
		"Bad time in a window as a multiple of what the objective allows in it: " +
			"5m, 30m, 1h, 6h, 3d; no series where nothing was judged.",
		append(byIndicator[:3:3], "window"),
	}
	RetrySuccess = Metric{
		"sentinel_retry_success_ratio", "gauge",
		"Share of the repairs and notifications that were tried again in the last 30 days and succeeded in the end.",
		[]string{"of"},
	}
)

// sloMetrics lists the metrics of service levels.
func sloMetrics() []Metric {
	return []Metric{SLOObjective, SLOWindow, SLOActual, SLOBudget, SLOJudged, SLOBurn, RetrySuccess}
}
