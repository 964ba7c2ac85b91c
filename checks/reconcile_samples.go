package checks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// differenceColumn is the column of a sample that says in what a row differs.
const differenceColumn = "difference"

// takeKeySamples compares the rows or keys of jobs again whose comparisons have turned bad, to
// name some: a check keeps no values. All together have the time of one statement.
func takeKeySamples(ctx context.Context, env Env, name string, jobs []Job, key []byte) (out []sentinel.Sample) {
	sampled := withChecks(jobs, func(table sentinel.Table, c Check) Check {
		if again := keySamplerOf(table, c); again != nil {
			return again
		}
		return nil
	})
	if len(sampled) == 0 {
		return nil
	}
	e := newExecutor(ctx, env, name, sampled)
	if e.db != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.db.Config.StatementTimeout)
		defer cancel()
	}
	part := e.askAll(ctx, sampled)
	for run := range allChecks(part) {
		c, is := run.check.(keySampler)
		if !is {
			continue
		}
		s := newSample(run)
		if err := c.sample(&s, run, key); err != nil {
			s.Note = "no sample: " + err.Error()
		}
		out = append(out, s)
	}
	return out
}

// sample fills in the columns and rows of a sample. No error has a value of a row.
func (c namer) sample(s *sentinel.Sample, run *checkRun, key []byte) error {
	of, found, err := c.named(run, c.most)
	if err != nil {
		if kind := warehouse.KindOf(err); kind != "" {
			return fmt.Errorf("comparing the rows again failed (%s)", kind)
		}
		return errors.New("comparing the rows again failed")
	}
	at, err := c.sampleColumns(s, of)
	if err != nil {
		return err
	}
	for _, row := range found.Named {
		s.Rows = append(s.Rows, c.sampleRow(row, of, at, s.Columns, key)...)
	}
	if len(s.Rows) == 0 {
		return errors.New("no row differs any more")
	}
	return nil
}

// sampleColumns sets the columns of a sample: what differs, and those that are listed. It
// returns their positions in the comparison.
func (c namer) sampleColumns(s *sentinel.Sample, of *rowdiff.Comparison) (at []int, err error) {
	compared := of.Columns[rowdiff.Here]
	var names []string
	for _, name := range c.Samples.Columns {
		if name == sampleKeys {
			names = append(names, c.Key...)
		} else {
			names = append(names, name)
		}
	}
	s.Columns = []sentinel.SampleColumn{{Name: differenceColumn, Key: true}}
	same := func(name string) func(warehouse.Column) bool {
		return func(c warehouse.Column) bool { return c.Name == name }
	}
	for _, name := range names {
		i := slices.IndexFunc(compared, same(name))
		if i < 0 {
			return nil, fmt.Errorf("column %s is not compared", name)
		}
		if !slices.Contains(at, i) {
			at = append(at, i)
			s.Columns = append(s.Columns, sentinel.SampleColumn{Name: name, Key: i < of.Key, Mask: c.Samples.Mask[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Samples.Mask)) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("mask names %s, which is no column of the sample: nothing is read unmasked", name)
		}
	}
	return at, nil
}

// sampleRow returns a row that differs. One that is changed is shown as both tables have it.
func (c namer) sampleRow(
	row rowdiff.Row, of *rowdiff.Comparison, at []int, columns []sentinel.SampleColumn, key []byte,
) (out [][]*string) {
	for side, values := range row.Values {
		if values == nil {
			continue
		}
		what := string(row.Kind)
		if row.Kind == rowdiff.Changed {
			what += map[rowdiff.Side]string{rowdiff.Here: " here", rowdiff.There: " there"}[rowdiff.Side(side)]
		}
		kept := []*string{&what}
		for i, position := range at {
			kept = append(kept, masked(key, columns[i+1].Mask, shownCell(values[position])))
		}
		out = append(out, kept)
	}
	return out
}

// shownCell writes a value for people.
func shownCell(v warehouse.Value) warehouse.Cell {
	if v.Kind == warehouse.BytesValue {
		return warehouse.Cell{Text: fmt.Sprintf("%x", v.Text)}
	}
	return warehouse.Cell{Text: v.Text, Null: v.Null()}
}
