package checks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TakeSamples reads samples of the bad rows of the jobs' checks, which have turned bad. It
// sends one statement a table, which has a third of the time of other statements. All of them
// together have the time of one. key is of the mask `hash`. There is one sample for each check
// with `samples:`; its Note says why it has no rows. Texts of the engine's errors, which may
// quote values, are in none. Rows that differ from those of another table, and keys that one in
// another warehouse has not, are looked for again, by as many statements as the check sends.
func TakeSamples(ctx context.Context, env Env, name string, jobs []Job, key []byte) []sentinel.Sample {
	e, part := sampling(ctx, env, name, jobs)
	ctx, limit, cancel := e.shortly(ctx)
	defer cancel()
	var out []sentinel.Sample
	for i := range part {
		s := e.sampleStatement(&part[i])
		out = append(out, s.take(ctx, limit, key)...)
	}
	return append(out, takeKeySamples(ctx, env, name, jobs, key)...)
}

// shortly returns the time that statements about bad rows have: all together that of one
// statement, and each a third of it.
func (e *executor) shortly(ctx context.Context) (all context.Context, each time.Duration, cancel context.CancelFunc) {
	if e.db == nil {
		return ctx, 0, func() {}
	}
	all, cancel = context.WithTimeout(ctx, e.db.Config.StatementTimeout)
	return all, e.db.Config.StatementTimeout / 3, cancel
}

// PlanSamples returns the statements that would sample the bad rows of jobs if all of their
// checks turned bad now. Jobs without `samples:` have none.
func PlanSamples(ctx context.Context, env Env, name string, jobs []Job) []PlannedStatement {
	e, part := sampling(ctx, env, name, jobs)
	var out []PlannedStatement
	for i := range part {
		s := e.sampleStatement(&part[i])
		p := PlannedStatement{Table: part[i].job.Table, Statement: s.Statement}
		for _, m := range s.members {
			p.Checks = append(p.Checks, m.run.target.Check)
			if m.Note != "" {
				p.Err = errors.Join(p.Err, fmt.Errorf("%s: %s", m.run.target.Check, m.Note))
			}
		}
		out = append(out, p)
	}
	return out
}

// sampledCheck is a check whose bad rows are sampled. It needs to know the primary key and
// all columns, and no history.
type sampledCheck struct{ rowFailer }

// Needs implements Check.
func (c sampledCheck) Needs(t Target) Needs {
	n := c.rowFailer.Needs(t)
	columns := append(slices.Clone(n.Columns), c.Common().Samples.Columns...)
	columns = slices.DeleteFunc(columns, func(name string) bool { return name == sampleKeys })
	return Needs{Facts: n.Facts | warehouse.Keys | warehouse.Columns, Column: n.Column, Columns: columns,
		Like: n.Like, LikeFacts: n.LikeFacts}
}

// sampling reads the catalog for the jobs that have checks with `samples:`.
func sampling(ctx context.Context, env Env, name string, jobs []Job) (*executor, []jobRun) {
	return readFor(ctx, env, name, withChecks(jobs, func(table sentinel.Table, c Check) Check {
		if f, can := c.(rowFailer); can && c.Common().Samples != nil && keySamplerOf(table, c) == nil {
			return sampledCheck{f}
		}
		return nil
	}))
}

// withChecks returns the jobs with other checks in the place of their own; nil is none. Jobs
// without checks are left out.
func withChecks(jobs []Job, instead func(sentinel.Table, Check) Check) (out []Job) {
	for _, j := range jobs {
		own := j
		own.Checks = nil
		for _, c := range j.Checks {
			if other := instead(j.Table, c); other != nil {
				own.Checks = append(own.Checks, other)
			}
		}
		if len(own.Checks) > 0 {
			out = append(out, own)
		}
	}
	return out
}

// readFor reads what the checks of the jobs must know. Without jobs nothing is read.
func readFor(ctx context.Context, env Env, name string, jobs []Job) (*executor, []jobRun) {
	if len(jobs) == 0 {
		return &executor{env: env}, nil
	}
	e := newExecutor(ctx, env, name, jobs)
	return e, e.prepare(ctx, jobs)
}

// samplesOfTable is the one statement that samples the bad rows of a table.
type samplesOfTable struct {
	warehouse.Statement
	db      *warehouse.DB
	members []*sampledRun
}

// sampledRun is one check of it.
type sampledRun struct {
	sentinel.Sample
	run  *checkRun
	sent bool // it is a part of the statement
}

// sampleStatement writes the statement for a job: for each check the number of it and the
// texts of its columns.
func (e *executor) sampleStatement(j *jobRun) *samplesOfTable {
	out := &samplesOfTable{db: e.db}
	width := 0
	for k := range j.checks {
		run := &j.checks[k]
		m := &sampledRun{run: run, Sample: newSample(run)}
		out.members = append(out.members, m)
		if err := m.columns(e); err != nil {
			m.fail(err)
			continue
		}
		width = max(width, len(m.Columns))
	}
	var parts []string
	for i, m := range out.members {
		if m.Note != "" {
			continue
		}
		args := slices.Clone(out.Args)
		sql, err := m.sql(e, i, width, &args)
		if err != nil {
			m.fail(err)
			continue
		}
		m.sent, out.Args = true, args
		parts = append(parts, sql)
		out.VisibleRows = visibleRows(m.run.check)
	}
	if len(parts) > 1 {
		for i, sql := range parts {
			parts[i] = fmt.Sprintf("SELECT * FROM (%s) s%d", sql, i+1)
		}
	}
	out.SQL = strings.Join(parts, " UNION ALL ")
	return out
}

// mayRead returns why the bad rows of a check cannot be looked at.
func (e *executor) mayRead(run *checkRun) error {
	switch t := &run.target; {
	case run.bug != nil:
		return run.bug
	case e.dbErr != nil, t.Known.Err != nil:
		return errors.New("the catalog could not be read")
	case t.Known.Relation == nil:
		return errors.New("the table does not exist")
	case t.Known.Relation.Filtered && !visibleRows(run.check):
		return errors.New("row security hides rows of the table from the user of the DSN")
	}
	return nil
}

// columns finds the columns of a sample.
func (m *sampledRun) columns(e *executor) error {
	t, config := &m.run.target, m.run.check.Common().Samples
	if err := e.mayRead(m.run); err != nil {
		return err
	}
	var keys []string
	if key := t.Known.Relation.PrimaryKey; key != nil {
		keys = key.Columns
	}
	var names []string
	for _, name := range config.Columns {
		switch {
		case name != sampleKeys:
			names = append(names, name)
		case len(keys) == 0:
			return errors.New("the table has no primary key: list columns")
		default:
			names = append(names, keys...)
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(m.Columns, func(c sentinel.SampleColumn) bool { return c.Name == name }) {
			continue
		}
		c := sentinel.SampleColumn{Name: name, Key: slices.Contains(keys, name)}
		for of, mask := range config.Mask {
			if t.Known.Relation.SameColumn(of, name) {
				c.Mask = mask
			}
		}
		m.Columns = append(m.Columns, c)
	}
	if err := m.onlyKey(); err != nil {
		return err
	}
	for _, of := range slices.Sorted(maps.Keys(config.Mask)) {
		if !slices.ContainsFunc(names, func(name string) bool { return t.Known.Relation.SameColumn(of, name) }) {
			return fmt.Errorf("mask names %s, which is no column of the sample: nothing is read unmasked", of)
		}
	}
	return nil
}

// fail notes why there is no sample.
func (m *sampledRun) fail(err error) {
	var of *warehouse.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	m.Note = "no sample: " + err.Error()
}

// sql writes the part of one check.
func (m *sampledRun) sql(e *executor, number, width int, args *[]any) (string, error) {
	d, t := e.db.Dialect, m.run.target
	f, err := m.run.check.(sampledCheck).failing(t)
	if err != nil {
		return "", err
	}
	if f.keys != nil {
		return m.keys(e, f.keys, number, width, args)
	}
	outputs := []string{fmt.Sprintf("%d AS n", number)}
	for i := range width {
		text := "NULL"
		if i < len(m.Columns) {
			if text, err = m.text(d, f, m.Columns[i].Name); err != nil {
				return "", err
			}
		}
		outputs = append(outputs, fmt.Sprintf("%s AS v%d", text, i+1))
	}
	from, err := f.from(d, t.Known.Relation, args)
	if err != nil {
		return "", err
	}
	sql := "SELECT " + strings.Join(outputs, ", ") + " FROM " + from
	return warehouse.Limit(d, sql, m.run.check.Common().Samples.Limit), nil
}

// text writes the text of a column.
func (m *sampledRun) text(d warehouse.Dialect, f *failingRows, name string) (string, error) {
	tester, ok := d.(warehouse.ValueTester)
	if !ok {
		return "", fmt.Errorf("the dialect %s cannot write values as texts", d.Name())
	}
	column := &warehouse.Column{Name: name}
	if f.query == "" { // the columns of a query are its own
		var err error
		if column, err = m.run.target.Column(name); err != nil {
			return "", err
		}
	}
	quoted, err := d.Quote(column.Name)
	return tester.Exact(quoted, column.Type), err
}

// from writes the bad rows as FROM and WHERE.
func (f *failingRows) from(d warehouse.Dialect, rel *warehouse.Table, args *[]any) (string, error) {
	if f.query != "" {
		return "(" + f.query + "\n) failed_rows", nil
	}
	table, err := source{rel: rel}.from(d, args)
	if err != nil {
		return "", err
	}
	conditions, err := f.window.conditions(d, args)
	if err != nil {
		return "", err
	}
	if f.where != "" {
		conditions = append(conditions, filterText(f.where))
	}
	bad, err := warehouse.WritePredicate(d, f.bad, args)
	return table + whereClause(append(conditions, "("+bad+")")), err
}

// take sends the statement, and returns the samples.
func (s *samplesOfTable) take(ctx context.Context, limit time.Duration, key []byte) []sentinel.Sample {
	if s.SQL != "" {
		s.send(ctx, limit, key)
	}
	out := make([]sentinel.Sample, len(s.members))
	for i, m := range s.members {
		if m.sent && m.Note == "" && len(m.Rows) == 0 {
			m.Note = "no sample: no bad row was found any more"
		}
		out[i] = m.Sample
	}
	return out
}

func (s *samplesOfTable) send(ctx context.Context, limit time.Duration, key []byte) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var rows warehouse.Rows
	failed := errNotAnswered
	s.db.Run(ctx, []warehouse.Statement{s.Statement}, func(_ int, got warehouse.Rows, err error) { rows, failed = got, err })
	for _, m := range s.members {
		var names []string
		for _, c := range m.Columns {
			names = append(names, c.Name)
		}
		if failed != nil && m.sent {
			m.Note = "no sample: " + statementError(ctx, failed, limit, names)
		}
	}
	for _, row := range rows {
		number, err := row[0].Number()
		at, whole := number.Int64()
		if err != nil || !whole || at < 0 || at >= int64(len(s.members)) {
			continue // no row of the statement has another number
		}
		m := s.members[at]
		kept := make([]*string, len(m.Columns))
		for i, c := range m.Columns {
			kept[i] = masked(key, c.Mask, row[i+1])
		}
		m.Rows = append(m.Rows, kept)
	}
}

// statementError says why a statement failed that reads columns, without the text of the engine.
func statementError(ctx context.Context, err error, limit time.Duration, names []string) string {
	switch kind := warehouse.KindOf(err); {
	case ctx.Err() != nil, kind == warehouse.TimedOut:
		return fmt.Sprintf("the statement took longer than %s, a third of statement_timeout", limit.Round(time.Millisecond))
	case kind == warehouse.Forbidden:
		return "the user of the DSN may not read all of " + strings.Join(names, ", ")
	default:
		return fmt.Sprintf("the statement failed (%s)", kind)
	}
}
