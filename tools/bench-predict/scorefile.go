package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// ScoreFile scores risks in the form feed,date,risk against the feeds: for each feed,
// and under "POOLED" for all together. A period without a risk counts as 0.5. A risk
// outside of 0 to 1 counts as the nearer bound, as in the reference scorer.
func ScoreFile(feeds []backtest.Feed, risks io.Reader) (map[string]backtest.Scores, error) {
	lines, err := csv.NewReader(risks).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read risks: %w", err)
	}
	if len(lines) == 0 || !slices.Equal(lines[0], []string{"feed", "date", "risk"}) {
		return nil, fmt.Errorf("read risks: the header must be feed,date,risk")
	}
	given := map[[2]string]float64{}
	for i, line := range lines[1:] {
		risk, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			return nil, fmt.Errorf("read risks: line %d: %w", i+2, err)
		}
		given[[2]string{line[0], line[1]}] = min(max(risk, 0), 1)
	}
	out := map[string]backtest.Scores{}
	var all []backtest.Forecast
	for _, f := range feeds {
		own := make([]float64, len(f.Periods))
		for i, p := range f.Periods {
			own[i] = .5
			if risk, ok := given[[2]string{f.Name, p.Date}]; ok {
				own[i] = risk
			}
		}
		scored := backtest.Forecasts(f, own, 0)
		out[f.Name] = backtest.Score(scored)
		all = append(all, scored...)
	}
	out["POOLED"] = backtest.Score(all)
	return out, nil
}
