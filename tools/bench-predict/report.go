package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// reportLeads are the times before the deadline that the report judges.
var reportLeads = []time.Duration{180 * time.Minute, 60 * time.Minute, 30 * time.Minute}

// WriteReport judges the predictor and the baselines. Each feed is judged with a prior
// that was fitted on the others, on n drawn feeds of each family. It writes prediction-benchmark.md and its plots into
// dir.
func WriteReport(feeds []backtest.Feed, n int, dir string) error {
	var b bytes.Buffer
	fmt.Fprint(&b, reportIntro)
	if err := writeDrawn(&b, feeds, n); err != nil {
		return err
	}
	risks, err := LeaveOneOut(feeds, fitFeeds("", n), append([]time.Duration{0}, reportLeads...))
	if err != nil {
		return err
	}
	own := pool(feeds, risks[0], 0)
	fmt.Fprint(&b, "## Day-ahead, all feeds\n\n")
	backtest.WriteTable(&b, append(dayAheadBaselines(feeds), row("**Sentinel**", own)))
	fmt.Fprint(&b, "\n![Reliability, day-ahead](plots/prediction-reliability.svg)\n\n## Day-ahead, per feed\n\n")
	var perFeed []backtest.Row
	for i, f := range feeds {
		perFeed = append(perFeed, row(f.Name, backtest.Forecasts(f, risks[0][i], 0)))
	}
	backtest.WriteTable(&b, perFeed)
	fmt.Fprint(&b, "\n![Skill per feed](plots/prediction-skill.svg)\n")
	writeFirst(&b, feeds, risks[0])
	open := writeOpen(&b, feeds, risks)
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

This page is for those who want to know how good the [predictions of missed deadlines](prediction.md) are, on feeds
whose true risks are known and on real arrival times. ` + "`make bench-predict DATA=DIR`" + ` writes it; do not edit it.

- Every risk is given before its outcome is learned.
- Calibration is the expected calibration error over 10 bins of equal count.
- Precision and recall are those of risk > 0.8. A dash means that a measure does not exist.
- Few constants of the model were compared on these same feeds: prior precision, weights and memories of the experts.
  Others may score lower.

`

const drawnIntro = `## Drawn feeds, whose true risks are known

40 feeds of each family are drawn, each with parameters of its own. The ideal knows the process and its parameters, and
has seen the same past. Sentinel starts from a prior fitted on the recorded feeds and on other families only.

- Base, Sentinel and ideal are expected Brier scores. The base is the feed's own expanding rate of misses of the periods
  that are open at that lead. The first 60 periods are not scored.
- Share is that of the attainable skill: (base - Sentinel) / (base - ideal). It has a dash where less than .05 is
  attainable.
- Calibration, recall and false alarms at risk > 0.8 are those of Sentinel and, after the slash, of the ideal.

`

// writeDrawn judges each family of drawn feeds with a prior that was not fitted on it.
func writeDrawn(b *bytes.Buffer, feeds []backtest.Feed, n int) error {
	fmt.Fprint(b, drawnIntro)
	rows, err := power(families, powerSeed, n, func(name string) (predict.Prior, error) {
		return FitPrior(append(fitFeeds(name, n), feeds...), nil)
	})
	if err != nil {
		return err
	}
	writePower(b, rows)
	printCost(os.Stderr)
	fmt.Fprint(
		b,
		"\n## Recorded feeds\n\nSkill is Brier skill against the feed's own expanding base rate, unless said otherwise. "+
			"The first 28 periods of a feed\nare not scored. Each feed starts from a prior fitted on the other feeds and on drawn ones only.\n\n",
	)
	return nil
}

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
	fmt.Fprint(
		b,
		"\n## The first 28 periods of each feed\n\nThey show why a new dataset starts from the pooled prior and not from a base rate.\n\n",
	)
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

func writeOpen(b *bytes.Buffer, feeds []backtest.Feed, risks [][][]float64) (hour []backtest.Forecast) {
	fmt.Fprint(b, openIntro)
	for l, lead := range reportLeads {
		alone := replayBaseline(feeds, func(ps []backtest.Period, i int) float64 { return hazard(ps, i, lead) })
		rows := []backtest.Row{
			row("empirical hazard alone", poolOwnRates(feeds, alone, lead)),
			row("day-ahead risk unchanged", poolOwnRates(feeds, risks[0], lead)),
			row("**Sentinel**", poolOwnRates(feeds, risks[l+1], lead)),
		}
		fmt.Fprintf(b, "### %.0f minutes before\n\n", lead.Minutes())
		for i, f := range feeds {
			rows = append(rows, row(f.Name, againstOwnRate(backtest.Forecasts(f, risks[l+1][i], lead))))
		}
		backtest.WriteTable(b, rows)
		fmt.Fprintln(b)
		if lead == time.Hour {
			hour = rows[2].Forecasts
		}
	}
	return hour
}

const openIntro = `
## Before the deadline, periods not yet arrived

Skill is against the share of misses of exactly these periods of the same feed. No forecast can know this reference.
Below 0, arrivals this late say nothing reliable about the feed.

`

// poolOwnRates pools the forecasts of feeds, each against the share of misses among its own.
func poolOwnRates(feeds []backtest.Feed, risks [][]float64, lead time.Duration) []backtest.Forecast {
	var out []backtest.Forecast
	for i, f := range feeds {
		out = append(out, againstOwnRate(backtest.Forecasts(f, risks[i], lead))...)
	}
	return out
}

// writeShipped writes one table of all feeds with the shipped prior: day-ahead and at each lead.
func writeShipped(w io.Writer, feeds []backtest.Feed) {
	var b bytes.Buffer
	var rows []backtest.Row
	leads := append([]time.Duration{0}, reportLeads...)
	risks := make([][][]float64, len(leads))
	for _, f := range feeds {
		for l, r := range backtest.ReplayLeads(f, predict.DefaultPrior(), leads) {
			risks[l] = append(risks[l], r)
		}
	}
	for l, lead := range leads {
		fs := pool(feeds, risks[l], lead)
		if lead > 0 {
			fs = poolOwnRates(feeds, risks[l], lead)
		}
		rows = append(rows, row(fmt.Sprintf("%.0f minutes", lead.Minutes()), fs))
	}
	backtest.WriteTable(&b, rows)
	fmt.Fprint(w, b.String())
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
	fmt.Fprint(
		b,
		"## Simulated feeds\n\nThese feeds are not real: 40 simulated feeds of 400 days with volumes, load times, retries, anomaly scores and\n"+
			"shared upstreams. The model is asked when a load starts, with the shipped prior (fitted on another seed).\n"+
			"The table shows only that these inputs are used.\n\n",
	)
	feeds := Simulate(2, 40, 400)
	rows := dayAheadBaselines(feeds)
	var arrivals, seeing [][]float64
	for _, f := range feeds {
		seeing = append(seeing, backtest.Replay(f, predict.DefaultPrior(), 0))
		arrivals = append(arrivals, backtest.Replay(blind(f), predict.DefaultPrior(), 0))
	}
	backtest.WriteTable(
		b,
		append(rows, row("Sentinel, arrivals only", pool(feeds, arrivals, 0)), row("**Sentinel**", pool(feeds, seeing, 0))),
	)
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
