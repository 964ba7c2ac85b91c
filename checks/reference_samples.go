package checks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// orphanNamer is a reference to another warehouse that names keys without a partner.
type orphanNamer struct{ *Reference }

// Needs implements Check.
func (c orphanNamer) Needs(t Target) Needs {
	n := c.Reference.Needs(t)
	return Needs{Facts: n.Facts | warehouse.Keys, Like: n.Like, LikeFacts: n.LikeFacts, Column: n.Column, Columns: n.Columns}
}

// Ask implements Check.
func (c orphanNamer) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil {
		return nil
	}
	f, err := c.foreign(t)
	if err != nil {
		return nil // sample says it
	}
	f.Named = c.Samples.Limit
	return []Ask{{Key: askOrphans, Foreign: f}}
}

// keepOrphan adds a key to those with the most rows.
func keepOrphan(kept []keyRow, r keyRow, most int) []keyRow {
	at := slices.IndexFunc(kept, func(k keyRow) bool { return k.rows < r.rows })
	if at < 0 {
		at = len(kept)
	}
	kept = slices.Insert(kept, at, r)
	return kept[:min(len(kept), most)]
}

// sample fills in the columns and keys of a sample. No error has a value of a row.
func (c orphanNamer) sample(s *sentinel.Sample, run *checkRun, key []byte) error {
	t := run.target
	switch {
	case run.bug != nil:
		return run.bug
	case t.Known.Err != nil:
		return errors.New("the catalog could not be read")
	case t.Known.Relation == nil:
		return errors.New("the table does not exist")
	}
	if _, err := c.foreign(t); err != nil {
		return err
	}
	at, err := c.sampleColumns(s, t)
	if err != nil {
		return err
	}
	got := run.answers.of(askOrphans)
	if got.Err != nil {
		if kind := warehouse.KindOf(got.Err); kind != "" {
			return fmt.Errorf("reading the keys again failed (%s)", kind)
		}
		return errors.New("reading the keys again failed")
	}
	for _, orphan := range got.Orphans {
		var kept []*string
		for i, position := range at {
			kept = append(kept, masked(key, s.Columns[i].Mask, warehouse.Cell{Text: orphan.key[position]}))
		}
		s.Rows = append(s.Rows, append(kept, keepText(strconv.FormatInt(orphan.rows, 10))))
	}
	if len(s.Rows) == 0 {
		return errors.New("no bad row was found any more")
	}
	return nil
}

// sampleColumns sets the columns of a sample: those of the key that are listed, and the number of
// rows. It returns their positions in the key.
func (c orphanNamer) sampleColumns(s *sentinel.Sample, t Target) (at []int, err error) {
	rel := t.Known.Relation
	var keys []string
	if rel.PrimaryKey != nil {
		keys = rel.PrimaryKey.Columns
	}
	listed := slices.Clone(c.Samples.Columns)
	if slices.Contains(listed, sampleKeys) {
		listed = append(listed, keys...)
	}
	for _, of := range slices.Sorted(maps.Keys(c.Samples.Mask)) {
		if !containsColumn(rel, listed, of) {
			return nil, fmt.Errorf("mask names %s, which is no column of the sample: nothing is read unmasked", of)
		}
	}
	for i, name := range c.key() {
		if !containsColumn(rel, listed, name) {
			continue
		}
		column := sentinel.SampleColumn{Name: name, Key: containsColumn(rel, keys, name)}
		for of, mask := range c.Samples.Mask {
			if rel.SameColumn(of, name) {
				column.Mask = mask
			}
		}
		s.Columns, at = append(s.Columns, column), append(at, i)
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("samples.columns lists none of %s, whose values are bad", strings.Join(c.key(), ", "))
	}
	s.Columns = append(s.Columns, sentinel.SampleColumn{Name: rowsOfKey})
	return at, nil
}

// keySampler is a check whose bad rows are found by asking its questions again.
type keySampler interface {
	Check
	// sample fills in the columns and rows of a sample, or says why there are none.
	sample(s *sentinel.Sample, run *checkRun, key []byte) error
}

// keySamplerOf returns the check that samples another one of a table; nil if its bad rows are
// found by a statement of their own, or are not sampled.
func keySamplerOf(table sentinel.Table, c Check) keySampler {
	if c.Common().Samples == nil {
		return nil
	}
	switch c := c.(type) {
	case *Reconcile:
		if len(c.Key) > 0 {
			return namer{c, c.Samples.Limit}
		}
	case *Reference:
		if c.To.Warehouse != table.Warehouse {
			return orphanNamer{c}
		}
	}
	return nil
}

// newSample returns the sample of a check, without columns and rows.
func newSample(run *checkRun) sentinel.Sample {
	return sentinel.Sample{Check: run.target.Check, Table: run.target.Table, Taken: run.target.Tick,
		Keep: time.Duration(run.check.Common().Samples.Keep)}
}
