package checks

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
)

// askGaps is the number of values at times that the clock never showed.
const askGaps = " gaps"

// gaps returns the times between two wall-clock times that the clock never showed, as far
// as values of the source can lie there.
func (s TimeSource) gaps(p schedule.Periods, from, to time.Time) []schedule.Range {
	if !s.Wall && !s.Mixed {
		return nil
	}
	gaps := p.Gaps(from, to)
	if !s.Dates {
		return gaps
	}
	var days []schedule.Range // that the zone left out
	midnight := func(at time.Time) time.Time { return at.Add(24*time.Hour - 1).Truncate(24 * time.Hour) }
	for _, g := range gaps {
		if first, end := midnight(g.From), midnight(g.To); first.Before(end) && !g.After {
			days = append(days, schedule.Range{From: first, To: end})
		}
	}
	return days
}

// gapAsks asks how many values lie at times of a window that the clock never showed. They
// are in no period, so the result must tell of them. Most windows have no such times.
func gapAsks(prefix string, w Window, where string, of *sentinel.Table) []Ask {
	if len(w.Gaps) == 0 {
		return nil
	}
	w.InGaps = true
	return []Ask{{Key: prefix + askGaps, Of: of, Aggregate: &Aggregate{Func: "count", Where: where, Window: w}}}
}

// inGaps returns what a message adds about values at times that the clock never showed; ""
// if there are none.
func (t Target) inGaps(prefix string, w Window, a Answers) (string, error) {
	if len(w.Gaps) == 0 {
		return "", nil
	}
	got := a.of(prefix + askGaps)
	if got.Err != nil {
		return "", w.Time.explain(got.Err)
	}
	n, ok := got.Number.Int64()
	switch {
	case !ok:
		return "", errors.New("the times that the clock skipped were not counted")
	case n == 0:
		return "", nil
	}
	var skipped []string
	for _, g := range w.Gaps {
		skipped = append(skipped, g.From.Format("2006-01-02 15:04")+" to "+g.To.Format("2006-01-02 15:04"))
	}
	rows := "rows are"
	if n == 1 {
		rows = "row is"
	}
	return fmt.Sprintf("%s more %s at times that the clock of %s skipped (%s) and in no period",
		groupDigits(got.Number), rows, t.zone(), strings.Join(skipped, ", ")), nil
}

// noted adds a note to what a result says.
func noted(r sentinel.Result, note string) sentinel.Result {
	if note == "" || r.Status == sentinel.Error {
		return r
	}
	r.Message += "; " + note
	if len(r.Findings) > 0 {
		r.Findings[0].Message += "; " + note
	}
	return r
}
