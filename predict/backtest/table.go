package backtest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
)

// Row is one line of a table of scores.
type Row struct {
	Name      string // name of the model or the feed
	Forecasts []Forecast
}

// WriteSummary writes a table of the scores of each feed with the default prior,
// day-ahead or at a lead before the deadline.
func WriteSummary(feeds []Feed, lead time.Duration, w io.Writer) error {
	var b bytes.Buffer
	var rows []Row
	var all []Forecast
	for _, f := range feeds {
		fs := Forecasts(f, Replay(f, predict.DefaultPrior(), lead), lead)
		rows, all = append(rows, Row{f.Name, fs}), append(all, fs...)
	}
	WriteTable(&b, append(rows, Row{"all", all}))
	_, err := w.Write(b.Bytes())
	return err
}

// WriteTable writes the scores of the rows as a Markdown table.
func WriteTable(b *bytes.Buffer, rows []Row) {
	fmt.Fprintln(b, "| model or feed | periods | missed | Brier | skill | AUC | calibration | precision | recall |")
	fmt.Fprintln(b, "|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		s := Score(r.Forecasts)
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", r.Name, s.Count, number(s.Base), number(s.Brier),
			number(s.Skill), number(s.AUC), number(s.Calibration), number(s.Precision), number(s.Recall))
	}
}

func number(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.3f", x)
}
