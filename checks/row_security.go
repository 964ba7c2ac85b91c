package checks

import (
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// visibleRows reports whether the check judges the rows that the user sees where row security
// hides others. Any other check is in error there: it has not read the table.
func visibleRows(c Check) bool { return c.Common().RowSecurity == "visible" }

// hiddenRows returns an error if row security is known to hide rows that the question asks
// for. Of views and of statements of the user only the server knows.
func (q question) hiddenRows() error {
	rel := q.relation()
	if q.ask.Query != nil || rel == nil || !rel.Filtered || visibleRows(q.from.check) {
		return nil
	}
	return &warehouse.Error{Kind: warehouse.HiddenRows,
		Err: fmt.Errorf("row security hides rows of %s from the user of the DSN", q.table())}
}

// noteHiddenRows says in the result that it is about the visible rows alone.
func (run *checkRun) noteHiddenRows(r *sentinel.Result) {
	if r.Status == sentinel.Error || !visibleRows(run.check) {
		return
	}
	known := run.target.Known
	where := run.hides(known.Relation, "")
	if where == "" && run.needs.Like != nil {
		where = run.hides(known.Like, " of "+run.needs.Like.String())
	}
	if where == "" {
		return
	}
	addNote(r, where)
	addText(r, where)
	r.Evidence.Confidence = sentinel.Partial
}

// hides says that row security hides rows of a table that the check has read, or that it may;
// "" if it does not.
func (run *checkRun) hides(rel *warehouse.Table, of string) string {
	const user = " rows from the user of the DSN"
	switch {
	case !run.readsRows && !run.readsQuery:
		return ""
	case rel != nil && rel.Filtered && run.readsRows:
		return "partial: row security hides" + user + of
	case run.readsQuery, rel != nil && rel.Kind != warehouse.BaseTable && rel.Kind != warehouse.PartitionedTable:
		return "partial: row security may hide" + user + of
	}
	return ""
}

// table returns the table that the question is for.
func (q question) table() sentinel.Table {
	if q.ask.Of != nil {
		return *q.ask.Of
	}
	return q.from.target.Table
}
