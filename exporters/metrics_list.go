package exporters

// Metrics lists all metrics: those of checks first, then the agent's own.
func Metrics() []Metric { return append(checkMetrics(), agentMetrics()...) }

// checkMetrics lists the metrics of results.
func checkMetrics() []Metric {
	return []Metric{
		CheckStatus, CheckLastRun, CheckLastTry, CheckNextRun, CheckLastGood, Freshness, NewestTimestamp, RowCount,
		MissingPartitions, FailedRows, ExaminedRows, CheckValue, ReconcileRows, DistributionDistance, SchemaDrifts,
		AnomalyScore, ExpectedLow, ExpectedHigh,
	}
}

// agentMetrics lists the metrics of datasets and of the agent itself.
func agentMetrics() []Metric {
	return append(append(sloMetrics(), budgetMetrics()...),
		BuildInfo, Time, CheckResults, CheckDuration, IncidentsOpen, IncidentsFlapping, TicksMissed, JobsSkipped,
		WarehouseUp, ClockSkew, ReplicationLag, Panics, RecordsDropped, StoreUp, StoreRewritten, StoreBytes, StoreCut,
		Leading, StateShared,
		BackupTimestamp, BackupDue, BackupSize, BackupsKept, BackupFailures, StoreRolledBack,
		UnwatchedTables,
		AgentsExpected, SecretsUnread, Peers, Tasks, WorkShared, ReloadSuccessful, ReloadTimestamp, ReplacedRunning, SeriesDropped,
		DatasetInfo, Risk, Deadline, ArrivalsKnown, ExpectedArrival, RiskBrier, RiskSkill, RiskCalibration, RiskLead,
		RiskModel,
		Incidents, TimeToDetect, TimeToResolve, TimeToRepair, Repairs, RepairsActive, BreakerState, Retries, DeadLetters,
		AuditEntries, Notifications, NotificationsPending, NotificationsOverdue, SilencesActive, SilencesUnmatched,
		Statements, StatementErrors, Connections, QuerySeconds)
}
