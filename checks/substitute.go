package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Substitute has rows that are read in the place of a table's: those that the table would
// have after a change. Everything else is read as without it.
type Substitute struct {
	Table  sentinel.Table
	Rows   warehouse.RowSource
	Hidden []string // columns of the table that Rows does not have
}

// ComparesWith reports whether a check of a job compares its dataset with a table.
func ComparesWith(j Job, c Check, t sentinel.Table) bool {
	n, err := needsOf(c, newTarget(j, c))
	return err == nil && n.Like != nil && *n.Like == t
}

// source is what a statement reads: a table, or what stands in for it.
type source struct {
	rel *warehouse.Table
	sub *Substitute // nil: the table itself
}

// from writes the source as an item of FROM. What stands in for a table has its name, so
// that conditions may name it.
func (s source) from(d warehouse.Dialect, args *[]any) (string, error) {
	if s.sub == nil {
		return warehouse.QuoteTable(d, s.rel.TableName)
	}
	query, err := s.sub.Rows.Query(d, args)
	if err != nil {
		return "", err
	}
	name, err := d.Quote(s.rel.Name)
	return "(" + query + ") " + name, err
}

// substitute marks the tables of a check that are substituted. Their catalog entries then
// say nothing of indexes, partitions and numbers of rows.
func (e *executor) substitute(run *checkRun) {
	sub := e.env.Substitute
	if sub == nil {
		return
	}
	stands := func(t sentinel.Table, rel **warehouse.Table) bool {
		if *rel == nil || t.Warehouse != sub.Table.Warehouse || (*rel).Name != sub.Table.Name {
			return false
		}
		schema := cmp.Or(sub.Table.Schema, e.catalogs[t.Warehouse].catalog.DefaultSchema)
		if (*rel).Schema != schema {
			return false
		}
		bare := **rel
		bare.Rows, bare.Bytes, bare.Written = -1, -1, -1
		bare.Indexes, bare.Partitions, bare.PartitionKey, bare.PartitionBy = nil, nil, nil, ""
		*rel = &bare
		return true
	}
	known := &run.target.Known
	if known.Err == nil {
		run.here = stands(run.target.Table, &known.Relation)
		known.Substituted = run.here
	}
	if run.needs.Like != nil && known.LikeErr == nil {
		run.there = stands(*run.needs.Like, &known.Like)
	}
}

// sourceOf returns what a question reads.
func (e *executor) sourceOf(q question) source {
	known := &q.from.target.Known
	s, substituted := source{rel: known.Relation}, q.from.here
	if q.ask.Of != nil {
		s.rel, substituted = known.Like, q.from.there
	}
	if substituted {
		s.sub = e.env.Substitute
	}
	return s
}

// otherSource returns what a question reads of the table that it compares with.
func (e *executor) otherSource(q question) source {
	s := source{rel: q.from.target.Known.Like}
	if q.from.there {
		s.sub = e.env.Substitute
	}
	return s
}

// withoutSubstitute returns why the question cannot be asked of rows that stand in for a
// table; "" if it can.
func (e *executor) withoutSubstitute(q question) string {
	sub := e.env.Substitute
	switch {
	case sub == nil:
		return ""
	case q.ask.Query != nil:
		return "its query names the tables that it reads"
	case q.ask.subquery(e.db.Dialect):
		return "its SQL has a query of its own, which names the tables that it reads"
	case e.sourceOf(q).sub == nil && !(q.ask.readsBoth() && q.from.there):
		return ""
	}
	if hidden := q.ask.reads(e.db.Dialect, sub.Hidden); hidden != "" {
		return fmt.Sprintf("the database itself fills the column %s", hidden)
	}
	return ""
}

// leftOut returns why a check says nothing of a substituted table; "" if it judged its rows.
func (run *checkRun) leftOut() string {
	switch {
	case run.unasked != "":
		return run.unasked
	case !run.readsSubstitute:
		return "it reads no rows of the table"
	}
	return ""
}

// leaveOut notes why a check judged no substituted rows.
func (o *Outcome) leaveOut(run *checkRun) {
	why := run.leftOut()
	if why == "" {
		return
	}
	if o.LeftOut == nil {
		o.LeftOut = map[string]string{}
	}
	o.LeftOut[run.target.Check] = why
}

// readsBoth reports whether the question is for both tables.
func (a Ask) readsBoth() bool { return a.Orphans != nil || a.Foreign != nil }

// userTexts returns the user's SQL in the question.
func (a Ask) userTexts() (texts []string) {
	switch {
	case a.Aggregate != nil:
		for _, sql := range a.Aggregate.userSQL() {
			texts = append(texts, sql.text)
		}
	case a.Orphans != nil:
		texts = []string{a.Orphans.Where, a.Orphans.ToWhere, a.Orphans.Window.Time.Expression}
	case a.Foreign != nil:
		texts = []string{a.Foreign.Where, a.Foreign.ToWhere, a.Foreign.Window.Time.Expression}
	case a.Compare != nil:
		texts = []string{a.Compare.Where, a.Compare.Window.Time.Expression}
	case a.Keys != nil:
		texts = []string{a.Keys.Where, a.Keys.Window.Time.Expression}
	case a.Cells != nil:
		texts = []string{a.Cells.Where, a.Cells.Window.Time.Expression}
	case a.Groups != nil:
		texts = []string{a.Groups.Where, a.Groups.Window.Time.Expression}
		for _, v := range a.Groups.Values {
			for _, sql := range v.userSQL() {
				texts = append(texts, sql.text)
			}
		}
	}
	return texts
}

// subquery reports whether the user's SQL has a query in it.
func (a Ask) subquery(d warehouse.Dialect) bool {
	return slices.ContainsFunc(a.userTexts(), func(text string) bool {
		return slices.ContainsFunc(warehouse.Words(d, text), func(word string) bool {
			return strings.EqualFold(word, "select") || strings.EqualFold(word, "table")
		})
	})
}

// reads returns the first of the columns that the question reads; "" if it reads none.
func (a Ask) reads(d warehouse.Dialect, columns []string) string {
	var names []string
	add := func(g *Aggregate) {
		names = append(append(names, g.columns()...), g.Time.Column, g.Window.Time.Column)
	}
	switch {
	case a.Aggregate != nil:
		add(a.Aggregate)
	case a.Orphans != nil:
		names = append(a.columns(), a.Orphans.Window.Time.Column)
	case a.Foreign != nil:
		names = append(a.columns(), a.Foreign.Window.Time.Column)
	case a.Compare != nil:
		names = append(a.columns(), a.Compare.Window.Time.Column)
	case a.Keys != nil:
		names = append(a.columns(), a.Keys.Window.Time.Column)
	case a.Cells != nil:
		names = append(a.columns(), a.Cells.Window.Time.Column)
	case a.Groups != nil:
		names = append(a.columns(), a.Groups.Window.Time.Column)
		for _, v := range a.Groups.Values {
			add(v)
		}
	}
	for _, text := range a.userTexts() {
		names = append(names, warehouse.Words(d, text)...)
	}
	for _, column := range columns {
		if len(warehouse.Words(d, column)) != 1 && strings.Join(a.userTexts(), "") != "" {
			return column // a quoted name that is no word is not found in a text
		}
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, column) }) {
			return column
		}
	}
	return ""
}
