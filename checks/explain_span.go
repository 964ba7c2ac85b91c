package checks

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// readSpans reads the rows of the causes by their time, and returns the times that set bad rows
// apart. Without an answer there are none: the causes hold without a time.
func (x *explainedTable) readSpans(ctx context.Context) map[*explainedRun]*span {
	out := map[*explainedRun]*span{}
	first, last := math.Inf(1), math.Inf(-1)
	for _, m := range x.members {
		for _, g := range m.groups {
			if m.timed && m.cause.holds(g) && !math.IsNaN(g.first) {
				first, last = min(first, g.first), max(last, g.last)
			}
		}
	}
	if math.IsInf(first, 1) {
		return out
	}
	steps, later, err := x.readSteps(ctx, first, last)
	if err != nil {
		return out
	}
	for _, m := range x.members {
		if m.Note != "" || !m.timed || m.cause.bad == 0 {
			continue
		}
		percent := int64(90)
		if m.cause.conditions == nil {
			percent = 50
		}
		in, ok := findSpan(steps[m], m.cause.counts, later[m], percent)
		if ok && total(m.groups).covers(counts{bad: in.bad}, 50) {
			out[m] = &in
		}
	}
	return out
}

// readSteps reads the rows of the causes in steps of time from the first bad row to the last,
// and those after it.
func (x *explainedTable) readSteps(
	ctx context.Context, first, last float64,
) (steps map[*explainedRun][]explainedStep, later map[*explainedRun]counts, err error) {
	st, err := x.stepStatement(first, last)
	if err != nil {
		return nil, nil, err
	}
	answer, err := x.send(ctx, st)
	if err != nil {
		return nil, nil, err
	}
	steps, later = map[*explainedRun][]explainedStep{}, map[*explainedRun]counts{}
	for _, row := range answer {
		n, err := row[0].Number()
		if err != nil {
			return nil, nil, err
		}
		at := 1
		for _, m := range x.members {
			if m.Note != "" {
				continue
			}
			var g explainedGroup
			if at, err = x.decode(row, at, &g); err != nil {
				return nil, nil, err
			}
			s := explainedStep{number: int64(n.Float64()), counts: g.counts, first: g.first, last: g.last}
			if s.number < 0 {
				later[m] = s.counts
			} else if s.rows > 0 {
				steps[m] = append(steps[m], s)
			}
		}
	}
	return steps, later, nil
}

// stepStatement writes the statement that counts the rows of the causes in steps of time. The
// rows after the last bad one are step -1.
func (x *explainedTable) stepStatement(first, last float64) (st warehouse.Statement, err error) {
	var outputs []string
	for i, m := range x.members {
		if m.Note != "" {
			continue
		}
		var holds []string
		for _, c := range m.cause.conditions {
			name := fmt.Sprintf("v%d", c.column+1)
			if c.value.Null {
				holds = append(holds, name+" IS NULL")
				continue
			}
			st.Args = append(st.Args, c.value.Text)
			holds = append(holds, name+" = "+x.db.Dialect.Param(len(st.Args)))
		}
		code := fmt.Sprintf("c%d", i+1)
		if len(holds) > 0 {
			code = fmt.Sprintf("CASE WHEN %s THEN c%d ELSE 0 END", strings.Join(holds, " AND "), i+1)
		}
		outputs = append(outputs, fmt.Sprintf("%s AS s%d", code, i+1))
	}
	base, step := 60*math.Floor(first/60), stepOf(first, last, x.time.Dates)
	from := time.Unix(int64(base), 0).UTC()
	since, also := Window{Time: x.time, From: from, FromWall: from}, ""
	if x.comparesRows() { // an earlier row may have the key of a bad one
		since, also = Window{}, fmt.Sprintf(" WHERE e >= %.0f", base)
	}
	rows, err := x.rows(since, &st.Args)
	if err != nil {
		return st, err
	}
	number := warehouse.Floor(x.db.Dialect, fmt.Sprintf("(e - %.0f) / %.1f", base, step))
	end := fmt.Sprintf("%.0f", math.Floor(last)+1)
	counted, _ := x.perCheck("s%d")
	st.SQL = fmt.Sprintf("SELECT step, %s FROM (SELECT CASE WHEN e < %s THEN %s ELSE -1 END AS step, e, %s"+
		" FROM (%s) r%s) q GROUP BY step",
		strings.Join(counted, ", "), end, number, strings.Join(outputs, ", "), rows, also)
	return st, nil
}
