package checks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Explanation says what the bad rows of a check have in common.
type Explanation struct {
	Table sentinel.Table
	Check string
	// Text is one line: "98 % of the bad rows: country = PL, since 02:10"; "" if nothing sets
	// the bad rows apart.
	Text string
	Note string // why there is no Text; "" if the rows were looked at
}

// checkOf is a check of a table.
type checkOf struct {
	table sentinel.Table
	check string
}

// Explains reports whether messages of a check may say what its bad rows have in common: it
// judges rows of the table, and `samples.explain` lists a column that does not name its segments.
func Explains(c Check) bool {
	f, can := c.(rowFailer)
	if !can || c.Common().Samples == nil {
		return false
	}
	query, is := f.(*FailedRows)
	by := segmentsBy(c)
	named := slices.ContainsFunc(c.Common().Samples.Explain, func(name string) bool { return !slices.Contains(by, name) })
	return named && !(is && query.Query != "")
}

// segmentsBy returns the columns whose values a check judges one by one; nil if it judges all rows
// together.
func segmentsBy(c Check) []string {
	if explained, is := c.(explainedCheck); is {
		c = explained.rowFailer
	}
	if by, can := c.(interface{ segmentsBy() []string }); can {
		return by.segmentsBy()
	}
	return nil
}

func (b *BadRows) segmentsBy() []string { return b.By }

// ExplainFailures says what the bad rows of the checks have in common, which have turned bad with
// these results. Of a check with `by` these are the rows of the segments that are bad. It sends at
// most two statements a table, each of which has a third of the time of other statements. All of
// them together have the time of one. The first counts rows by the values of the columns that may
// be named, the second those of the cause by their time. There is one explanation for each check
// that [Explains]. Texts of the engine's errors, which may quote values, are in none.
func ExplainFailures(ctx context.Context, env Env, name string, bad []Outcome) []Explanation {
	var jobs []Job
	results := map[checkOf]sentinel.Result{}
	for _, o := range bad {
		jobs = append(jobs, o.Job)
		for _, r := range o.Results {
			results[checkOf{r.Table, r.Check}] = r
		}
	}
	e, part := explaining(ctx, env, name, jobs)
	ctx, limit, cancel := e.shortly(ctx)
	defer cancel()
	var out []Explanation
	for i := range part {
		x := e.explained(&part[i], results)
		x.limit = limit
		x.explain(ctx)
		for _, m := range x.members {
			out = append(out, m.Explanation)
		}
	}
	return out
}

// PlanExplanations returns the first statement that would explain the bad rows of the checks of
// each job if all of them turned bad now. Jobs without checks that [Explains] have none.
func PlanExplanations(ctx context.Context, env Env, name string, jobs []Job) []PlannedStatement {
	e, part := explaining(ctx, env, name, jobs)
	var out []PlannedStatement
	for i := range part {
		x := e.explained(&part[i], nil)
		p := PlannedStatement{Table: part[i].job.Table}
		for _, m := range x.members {
			p.Checks = append(p.Checks, m.run.target.Check)
			if m.Note != "" {
				p.Err = errors.Join(p.Err, fmt.Errorf("%s: %s", m.run.target.Check, m.Note))
			}
		}
		if x.open() {
			var err error
			p.Statement, err = x.groupStatement()
			p.Err = errors.Join(p.Err, err)
		}
		out = append(out, p)
	}
	return out
}

// explaining reads the catalog for the jobs that have checks which [Explains].
func explaining(ctx context.Context, env Env, name string, jobs []Job) (*executor, []jobRun) {
	return readFor(ctx, env, name, withChecks(jobs, func(_ sentinel.Table, c Check) Check {
		if f, can := c.(rowFailer); can && Explains(c) {
			return explainedCheck{f}
		}
		return nil
	}))
}

// explainedCheck is a check whose bad rows are explained. It needs to know all columns, and no
// history.
type explainedCheck struct{ rowFailer }

// Needs implements Check.
func (c explainedCheck) Needs(t Target) Needs {
	n := c.rowFailer.Needs(t)
	return Needs{Facts: n.Facts | warehouse.Columns | warehouse.Keys, Column: n.Column,
		Like: n.Like, LikeFacts: n.LikeFacts, Columns: append(n.Columns[:len(n.Columns):len(n.Columns)], c.Common().Samples.Explain...)}
}

// explainedTable are the checks of a table that have turned bad.
type explainedTable struct {
	db      *warehouse.DB
	rel     *warehouse.Table
	limit   time.Duration // of a statement
	members []*explainedRun
	columns []warehouse.Column // whose values divide the rows
	time    TimeSource         // what divides them by time; the zero value if nothing does
	zone    *time.Location
	tick    time.Time
}

// explainedRun is one check of it.
type explainedRun struct {
	Explanation
	run     *checkRun
	rows    *failingRows
	by      []string   // columns whose values the check judges one by one
	only    [][]string // values of by in the segments that are bad; nil: all rows are looked at
	columns []int      // of the table's, that this check may name
	timed   bool       // it may name the time
	groups  []explainedGroup
	cause   cause
}

// explained prepares the checks of a job. Without a result a check's rows are all looked at.
func (e *executor) explained(j *jobRun, results map[checkOf]sentinel.Result) *explainedTable {
	x := &explainedTable{db: e.db}
	for k := range j.checks {
		run := &j.checks[k]
		m := &explainedRun{run: run, Explanation: Explanation{Table: run.target.Table, Check: run.target.Check}}
		x.members = append(x.members, m)
		if err := e.mayRead(run); err != nil {
			m.fail(err)
			continue
		}
		x.rel, x.zone, x.tick = run.target.Known.Relation, run.target.zone(), run.target.Tick
		err := x.add(m)
		if r, known := results[checkOf{m.Table, m.Check}]; known && err == nil {
			err = m.onlyBad(r)
		}
		if err != nil {
			m.fail(err)
		}
	}
	return x
}

// add finds the rows and columns of a check. The first column of times divides by time.
func (x *explainedTable) add(m *explainedRun) (err error) {
	t := m.run.target
	if m.rows, err = m.run.check.(explainedCheck).failing(t); err != nil {
		return err
	}
	m.by = segmentsBy(m.run.check)
	for _, name := range m.run.check.Common().Samples.Explain {
		column, err := t.Column(name)
		if err != nil {
			return err
		}
		if containsColumn(x.rel, m.by, column.Name) {
			continue // the segments are named already
		}
		if source, is := t.explainedTime(column); is && (!x.time.set() || x.time.Column == column.Name) {
			x.time, m.timed = source, true
			continue
		}
		at := -1
		for i, c := range x.columns {
			if c.Name == column.Name {
				at = i
			}
		}
		if at < 0 {
			at = len(x.columns)
			x.columns = append(x.columns, *column)
		}
		m.columns = append(m.columns, at)
	}
	return nil
}

// explainedTime returns how a column is read as the time of its row. ok is false for one that
// holds no times, or times whose zone is not the same for all.
func (t Target) explainedTime(c *warehouse.Column) (s TimeSource, ok bool) {
	configured := t.Known.Relation.SameColumn(t.TimeColumn, c.Name)
	if !configured && !dated(c) {
		return s, false
	}
	name := c.Name
	if configured {
		name = ""
	}
	s, err := t.timeSource(t.Known.Relation, name, nil, false)
	return s, err == nil && !s.Mixed && s.Column != ""
}

// fail notes why nothing is said.
func (m *explainedRun) fail(err error) {
	var of *warehouse.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	m.Note = "not explained: " + err.Error()
}

// conclude writes the explanation. in is the time of the bad rows that the cause has, if that
// is known to set them apart.
func (m *explainedRun) conclude(x *explainedTable, in *span) {
	whole := total(m.groups)
	bad := m.cause.bad
	var parts []string
	for _, c := range m.cause.conditions {
		parts = append(parts, x.columns[c.column].Name+spelledValue(c.value))
	}
	if in != nil {
		bad = min(bad, in.bad)
		parts = append(parts, x.during(in))
	}
	switch even := evenly(m.groups, m.columns); {
	case len(parts) > 0:
		share := fmt.Sprintf("%d %%", 100*bad/whole.bad)
		if bad == whole.bad {
			share = "all"
		}
		m.Text = share + " of the bad rows" + m.ofSegments() + ": " + strings.Join(parts, ", ")
	case len(even) > 0:
		var names []string
		for _, c := range even {
			names = append(names, x.columns[c].Name)
		}
		m.Text = "the bad rows" + m.ofSegments() + " are spread evenly over " + strings.Join(names, ", ")
	}
}

// spelledValue writes that a column has a value. Other than plain words it is in quotes.
func spelledValue(v warehouse.Cell) string {
	if v.Null {
		return " is NULL"
	}
	plain := v.Text != "" && !strings.ContainsFunc(v.Text, func(r rune) bool {
		return classOf(r) == ' ' || classOf(r) == '@' && !strings.ContainsRune("_-.:/+", r)
	})
	if plain {
		return " = " + v.Text
	}
	return " = " + fmt.Sprintf("%q", v.Text)
}

// during writes the time of bad rows. A day is left out if it is that of the tick.
func (x *explainedTable) during(in *span) string {
	zone := x.zone
	if x.time.Wall {
		zone = time.UTC // what a clock showed is read as UTC
	}
	today := x.tick.In(x.zone).Format(time.DateOnly)
	at := func(seconds float64, up time.Duration) string {
		t := time.UnixMicro(int64(math.Round(seconds * 1e6))).In(zone)
		if x.time.Dates {
			return t.Format(time.DateOnly)
		}
		t = t.Add(up).Truncate(time.Minute)
		if t.Format(time.DateOnly) == today {
			return t.Format("15:04")
		}
		return t.Format("2006-01-02 15:04")
	}
	switch first, last := at(in.first, 0), at(in.last, time.Minute); {
	case !in.ended:
		return "since " + first
	case !in.began:
		return "until " + last
	case x.time.Dates && first == last:
		return "on " + first
	default:
		return "from " + first + " to " + last
	}
}
