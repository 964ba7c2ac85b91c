package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// reportLeads are the times before the deadline that the report judges.
var reportLeads = []time.Duration{180 * time.Minute, 60 * time.Minute, 30 * time.Minute}

// WriteReport judges the predictor and the baselines. Each feed is judged with a prior
// that was fitted on the others. It writes prediction-benchmark.md and its plots into
// dir.
func WriteReport(feeds []backtest.Feed, dir string) error {
	var b bytes.Buffer
	fmt.Fprint(&b, reportIntro)
	risks, err := LeaveOneOut(feeds, 0)
	if err != nil {
		return err
	}
	own := pool(feeds, risks, 0)
	fmt.Fprint(&b, "## Day-ahead, all feeds\n\n")
	backtest.WriteTable(&b, append(dayAheadBaselines(feeds), row("**Sentinel**", own)))
	fmt.Fprint(&b, "\n![Reliability, day-ahead](plots/prediction-reliability.svg)\n\n## Day-ahead, per feed\n\n")
	var perFeed []backtest.Row
	for i, f := range feeds {
		perFeed = append(perFeed, row(f.Name, backtest.Forecasts(f, risks[i], 0)))
	}
	backtest.WriteTable(&b, perFeed)
	fmt.Fprint(&b, "\n![Skill per feed](plots/prediction-skill.svg)\n")
	writeFirst(&b, feeds, risks)
	open, err := writeOpen(&b, feeds, risks)
	if err != nil {
		return err
	}
	writeSimulated(&b)
	if err := writePlots(filepath.Join(dir, "plots"), own, open, perFeed); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "prediction-benchmark.md"), b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

const reportIntro = `# Prediction benchmark

This page is for those who want to know how good the [predictions of missed deadlines](prediction.md) are, on real
arrival times. ` + "`make bench-predict DATA=DIR`" + ` writes it; do not edit it.

- Every risk is given before its outcome is learned. Each feed starts from a prior fitted on the other feeds only.
- The first 28 periods of a feed are not scored.
- Skill is Brier skill against the feed's own expanding base rate, unless said otherwise.
- Calibration is the expected calibration error over 10 bins of equal count.
- Precision and recall are those of risk > 0.8. A dash means that a measure does not exist.
- The few constants of the model (prior precision, forgetting, smoothing of survival) were compared on these same
  feeds. Other feeds may score lower.

`

// row is one line of a table.
func row(name string, forecasts []backtest.Forecast) backtest.Row {
	return backtest.Row{Name: name, Forecasts: forecasts}
}

func pool(feeds []backtest.Feed, risks [][]float64, lead time.Duration) []backtest.Forecast {
	var out []backtest.Forecast
	for i, f := range feeds {
		out = append(out, backtest.Forecasts(f, risks[i], lead)...)
	}
	return out
}

func dayAheadBaselines(feeds []backtest.Feed) []backtest.Row {
	var rows []backtest.Row
	for _, base := range baselines {
		rows = append(rows, row(base.name, pool(feeds, replayBaseline(feeds, base.risk), 0)))
	}
	return rows
}

func replayBaseline(feeds []backtest.Feed, risk func([]backtest.Period, int) float64) [][]float64 {
	out := make([][]float64, len(feeds))
	for i, f := range feeds {
		for k := range f.Periods {
			out[i] = append(out[i], risk(f.Periods, k))
		}
	}
	return out
}

// writeFirst compares the pooled prior with the base rates in the first 28 periods, in
// which the model has learned little.
func writeFirst(b *bytes.Buffer, feeds []backtest.Feed, risks [][]float64) {
	fmt.Fprint(b, "\n## The first 28 periods of each feed\n\nThey show why a new dataset starts from the pooled prior and not from a base rate.\n\n")
	first := func(risks [][]float64) []backtest.Forecast {
		var out []backtest.Forecast
		for i, f := range feeds {
			reference := backtest.BaseRates(f.Periods)
			for k := range min(backtest.Warmup, len(f.Periods)) {
				out = append(out, backtest.Forecast{Risk: risks[i][k], Reference: reference[k], Missed: f.Periods[k].Missed})
			}
		}
		return out
	}
	backtest.WriteTable(b, []backtest.Row{
		row("base rate", first(replayBaseline(feeds, expandingRate))),
		row("**Sentinel**", first(risks)),
	})
}

func writeOpen(b *bytes.Buffer, feeds []backtest.Feed, dayAhead [][]float64) (hour []backtest.Forecast, err error) {
	fmt.Fprint(b, "\n## Before the deadline, periods not yet arrived\n\nSkill is against the share of misses of exactly these periods; in a feed's row, of that feed's periods. No forecast can\nknow this reference. Below 0, arrivals this late say nothing reliable about the feed.\n\n")
	for _, lead := range reportLeads {
		risks, err := LeaveOneOut(feeds, lead)
		if err != nil {
			return nil, err
		}
		alone := replayBaseline(feeds, func(ps []backtest.Period, i int) float64 { return hazard(ps, i, lead) })
		rows := []backtest.Row{
			row("empirical hazard alone", againstOwnRate(pool(feeds, alone, lead))),
			row("day-ahead risk unchanged", againstOwnRate(pool(feeds, dayAhead, lead))),
			row("**Sentinel**", againstOwnRate(pool(feeds, risks, lead))),
		}
		fmt.Fprintf(b, "### %.0f minutes before\n\n", lead.Minutes())
		for i, f := range feeds {
			rows = append(rows, row(f.Name, againstOwnRate(backtest.Forecasts(f, risks[i], lead))))
		}
		backtest.WriteTable(b, rows)
		fmt.Fprintln(b)
		if lead == time.Hour {
			hour = rows[2].Forecasts
		}
	}
	return hour, nil
}

// againstOwnRate replaces the reference by the share of misses among the forecasts
// themselves.
func againstOwnRate(fs []backtest.Forecast) []backtest.Forecast {
	rate := 0.0
	for _, f := range fs {
		rate += f.Truth() / float64(len(fs))
	}
	for i := range fs {
		fs[i].Reference = rate
	}
	return fs
}

// writeSimulated judges the default prior on simulated feeds with another seed than it
// was fitted with.
func writeSimulated(b *bytes.Buffer) {
	fmt.Fprint(b, "## Simulated feeds\n\nThese feeds are not real: 40 simulated feeds of 400 days with volumes, load times, retries, anomaly scores and\n"+
		"shared upstreams. The model is asked when a load starts, with the shipped prior (fitted on another seed).\n"+
		"The table shows only that these inputs are used.\n\n")
	feeds := Simulate(2, 40, 400)
	rows := dayAheadBaselines(feeds)
	var arrivals, seeing [][]float64
	for _, f := range feeds {
		seeing = append(seeing, backtest.Replay(f, predict.DefaultPrior(), 0))
		arrivals = append(arrivals, backtest.Replay(blind(f), predict.DefaultPrior(), 0))
	}
	backtest.WriteTable(b, append(rows, row("Sentinel, arrivals only", pool(feeds, arrivals, 0)), row("**Sentinel**", pool(feeds, seeing, 0))))
}

// blind returns the feed with deadlines and arrivals only.
func blind(f backtest.Feed) backtest.Feed {
	ps := f.Periods
	f.Periods = nil
	for _, p := range ps {
		p.Context = predict.Context{Deadline: p.Context.Deadline}
		p.Outcome = predict.Outcome{Arrival: p.Outcome.Arrival}
		f.Periods = append(f.Periods, p)
	}
	return f
}
