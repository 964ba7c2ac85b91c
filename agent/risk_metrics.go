package agent

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
)

// exportRisk exports a risk. known is the time up to which it is known whether rows have
// arrived; zero if that is not known.
func (a *Agent) exportRisk(r sentinel.Risk, known time.Time) {
	labels := []string{r.Table.Warehouse, exporters.DatasetLabel(r.Table)}
	a.metrics.Set(exporters.Risk, r.Probability, labels...)
	a.metrics.Set(exporters.Deadline, float64(r.Deadline.Unix()), labels...)
	if !known.IsZero() {
		a.metrics.Set(exporters.ArrivalsKnown, float64(known.UnixMilli())/1000, labels...)
	}
	if r.Arrival.IsZero() {
		a.metrics.Forget(exporters.ExpectedArrival, labels...)
	} else {
		a.metrics.Set(exporters.ExpectedArrival, float64(r.Arrival.Unix()), labels...)
	}
}

// exportAccuracy exports the quality of a forecast's predictions.
func (a *Agent) exportAccuracy(f *Forecast) {
	r := f.Tracker.Model.Report()
	t := f.Dataset.Table
	labels := []string{t.Warehouse, exporters.DatasetLabel(t)}
	for m, v := range map[*exporters.Metric]float64{
		&exporters.RiskBrier:       r.Brier,
		&exporters.RiskSkill:       r.Skill,
		&exporters.RiskCalibration: r.Calibration,
	} {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			a.metrics.Set(*m, v, labels...)
		}
	}
	if r.Warned > 0 {
		a.metrics.Set(exporters.RiskLead, r.Lead.Seconds(), labels...)
	}
	active := 1.0
	if r.Off {
		active = 0
	}
	a.metrics.Set(exporters.RiskModel, active, labels...)
}

// riskMetrics are the metrics of a dataset that has a deadline.
func riskMetrics() []exporters.Metric {
	return []exporters.Metric{
		exporters.Risk, exporters.Deadline, exporters.ArrivalsKnown, exporters.ExpectedArrival,
		exporters.RiskBrier, exporters.RiskSkill, exporters.RiskCalibration, exporters.RiskLead, exporters.RiskModel,
	}
}
