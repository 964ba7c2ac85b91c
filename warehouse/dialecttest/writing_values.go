package dialecttest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlpool"
)

// A value that was read can be bound, and the copy reads as the same value. Sessions that
// read and sessions that write see the same value. NULL differs from an empty text.
func (s suite) carriedValues(t *testing.T, w *writer) {
	types := s.Types
	for i, c := range []struct{ kind, literal string }{
		{types.Boolean, "true"}, {types.Boolean, "false"}, {types.Integer, "-2147483648"},
		{types.BigInt, "9223372036854775807"}, {types.BigInt, "9007199254740993"}, {types.Decimal, "9999999999.99"},
		{types.Decimal, "-0.10"}, {types.Text, "''"}, {types.Text, "'a  '"}, {types.Text, `'q''"ü€'`}, {types.Text, "'NULL'"},
		{types.Zoned, "'2026-10-25 01:30:00.123456'"}, {types.Plain, "'2026-10-25 01:30:00.123456'"},
		{types.Date, "'2026-02-28'"}, {types.Text, "NULL"}, {types.Zoned, "NULL"},
	} {
		if c.kind == "" {
			continue
		}
		table := fmt.Sprintf("v%d", i)
		w.exec("CREATE TABLE ["+table+"] ([id] "+types.Integer+", [v] "+c.kind+")",
			"INSERT INTO ["+table+"] VALUES (1, "+c.literal+")")
		kind := w.table(table).Column("v").Type
		want := w.readValue(table, 1, kind)
		arg, err := w.dialect.BindValue(want, kind)
		if err != nil {
			t.Errorf("%s %s: %v", c.kind, c.literal, err)
			continue
		}
		_, err = w.sessions.ExecContext(t.Context(), s.quoted(t, "INSERT INTO ["+table+"] VALUES (2, "+
			w.dialect.Param(1)+")"), arg)
		if err != nil {
			t.Errorf("%s %s: %v", c.kind, c.literal, err)
			continue
		}
		if got := w.readValue(table, 2, kind); got != want {
			t.Errorf("%s %s: the copy is %+v, want %+v", c.kind, c.literal, got, want)
		}
		if want.Null() != (c.literal == "NULL") {
			t.Errorf("%s %s: read as %+v", c.kind, c.literal, want)
		}
	}
}

// readValue reads a value on both kinds of sessions.
func (w *writer) readValue(table string, id int, kind warehouse.Type) warehouse.Value {
	w.t.Helper()
	query := w.suite.quoted(w.t, "SELECT ")
	for i, expr := range w.dialect.ReadValue(w.suite.quoted(w.t, "[v]"), kind) {
		if i > 0 {
			query += ", "
		}
		query += expr
	}
	query += w.suite.quoted(w.t, fmt.Sprintf(" FROM [%s] WHERE [id] = %d", table, id))
	var reading, writing warehouse.Rows
	var err error
	w.db.Run(w.t.Context(), []warehouse.Statement{{SQL: query}}, func(_ int, r warehouse.Rows, e error) { reading, err = r, e })
	found, err2 := w.sessions.QueryContext(w.t.Context(), query)
	if err := errors.Join(err, err2); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	answer, err := sqlpool.Scan(found, warehouse.Statement{})
	if err := errors.Join(err, found.Err()); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	writing = answer.Rows
	if len(reading) != 1 || len(writing) != 1 {
		w.t.Fatalf("%s: %d and %d rows, want one", query, len(reading), len(writing))
	}
	one, err := w.dialect.DecodeValue(reading[0], kind)
	other, err2 := w.dialect.DecodeValue(writing[0], kind)
	if err := errors.Join(err, err2); err != nil || one != other {
		w.t.Errorf("%s: %+v by a check, %+v by a repair, %v", query, one, other, err)
	}
	return one
}
