package backtest

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
)

// WriteRisks replays every feed of a directory through the predictor with the default
// prior, and writes feed,date,risk for every period. With lead 0 the risk is day-ahead.
// With a positive lead it is the risk that long before the deadline, for the periods
// that were still open then.
func WriteRisks(dir string, lead time.Duration, w io.Writer) error {
	if lead < 0 {
		return fmt.Errorf("backtest: lead %s is negative: give the time before the deadline", lead)
	}
	feeds, err := ReadFeeds(dir)
	if err != nil {
		return fmt.Errorf("backtest: %w", err)
	}
	out := csv.NewWriter(w)
	if err := out.Write([]string{"feed", "date", "risk"}); err != nil {
		return fmt.Errorf("backtest: %w", err)
	}
	for _, f := range feeds {
		for i, risk := range Replay(f, predict.DefaultPrior(), lead) {
			if lead > 0 && !f.Periods[i].Open(lead) {
				continue
			}
			if err := out.Write([]string{f.Name, f.Periods[i].Date, strconv.FormatFloat(risk, 'f', 6, 64)}); err != nil {
				return fmt.Errorf("backtest: %w", err)
			}
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("backtest: %w", err)
	}
	return nil
}

// Replay returns the risk of every period of the feed. The model starts from the prior,
// and learns each period after it returned its risk. With lead 0 the risk is day-ahead.
func Replay(f Feed, prior predict.Prior, lead time.Duration) []float64 {
	return ReplayLeads(f, prior, []time.Duration{lead})[0]
}

// ReplayLeads returns the risks of every period of the feed, as [Replay] does, for each lead.
func ReplayLeads(f Feed, prior predict.Prior, leads []time.Duration) [][]float64 {
	m := predict.New(prior)
	risks := make([][]float64, len(leads))
	for _, p := range f.Periods {
		for l, lead := range leads {
			risk := 0.0
			if lead > 0 {
				risk = m.Probability(p.Context, p.Context.Deadline.Add(-lead))
			} else {
				risk = m.DayAheadRisk(p.Context)
			}
			risks[l] = append(risks[l], risk)
		}
		m.Learn(p.Context, p.Outcome)
	}
	return risks
}

// Forecasts pairs risks with outcomes. It leaves out the warm-up and, with a lead, the
// periods that had arrived by then.
func Forecasts(f Feed, risks []float64, lead time.Duration) []Forecast {
	reference := BaseRates(f.Periods)
	var out []Forecast
	for i, p := range f.Periods {
		if i >= Warmup && (lead == 0 || p.Open(lead)) {
			out = append(out, Forecast{Risk: risks[i], Reference: reference[i], Missed: p.Missed})
		}
	}
	return out
}

// Open reports whether the data had not arrived yet, that long before the deadline.
func (p Period) Open(lead time.Duration) bool {
	return p.Outcome.Arrival.IsZero() || p.Outcome.Arrival.After(p.Context.Deadline.Add(-lead))
}
