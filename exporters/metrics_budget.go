package exporters

var byWarehouse = []string{"warehouse"}

// The metrics of warehouses with a budget.
var (
	Budget = Metric{
		"sentinel_budget_seconds", "gauge",
		"How long the statements of checks may take in a day.",
		byWarehouse,
	}
	BudgetUsed = Metric{
		"sentinel_budget_used_seconds", "gauge",
		"How long the statements of checks have taken since midnight in UTC.",
		byWarehouse,
	}
	BudgetExpected = Metric{
		"sentinel_budget_expected_seconds", "gauge",
		"How long the statements of a day take with the ticks that the budget leaves, by what they took before.",
		byWarehouse,
	}
	BudgetConfigured = Metric{
		"sentinel_budget_configured_seconds", "gauge",
		"How long the statements of a day would take with all ticks that are configured, by what they took before.",
		byWarehouse,
	}
	BudgetDatasets = Metric{
		"sentinel_budget_rarer_datasets", "gauge",
		"Datasets with checks that tick more rarely than configured, for the budget.",
		byWarehouse,
	}
	BudgetTicksSkipped = Metric{
		"sentinel_budget_ticks_skipped_total", "counter",
		"Ticks of datasets that were not run, for the budget.",
		byWarehouse,
	}
)

// budgetMetrics lists the metrics of budgets.
func budgetMetrics() []Metric {
	return []Metric{Budget, BudgetUsed, BudgetExpected, BudgetConfigured, BudgetDatasets, BudgetTicksSkipped}
}
