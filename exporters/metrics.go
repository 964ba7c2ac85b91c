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
	ReconcileRows = Metric{
		"sentinel_reconcile_rows", "gauge",
		"Rows that differ from those of the other table, by difference: missing, extra or changed.",
		append(byCheck[:3:3], "difference"),
	}
	DistributionDistance = Metric{
		"sentinel_distribution_distance", "gauge",
		"Distance of the values from those of the reference, by the method of the check.",
		byCheck,
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
