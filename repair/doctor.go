package repair

import (
	"context"
	"fmt"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Doctor examines the two DSNs of a warehouse: whether checks can only read, and which
// limits repairs have. It changes nothing.
func Doctor(ctx context.Context, read *warehouse.DB, w *Writer) (out []warehouse.Advice) {
	say := func(level, format string, args ...any) {
		out = append(out, warehouse.Advice{Level: level, Text: fmt.Sprintf(format, args...)})
	}
	catalog, err := read.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
	if err != nil {
		say("fail", "dsn: %v", err)
		return out
	}
	say("ok", "dsn: the server answers; the session only reads, within %s, and waits for locks for %s",
		read.Config.StatementTimeout, read.Config.LockTimeout)
	if catalog.Standby {
		say("warn", "dsn: the server is a standby: checks run, and repairs are refused")
	}
	adviser, advises := read.Dialect.(warehouse.Adviser)
	if advises {
		ask := func(st warehouse.Statement) (warehouse.Rows, error) { return Query(ctx, read, st) }
		out = append(out, adviser.AdviseReading(ask)...)
	}
	if w == nil {
		say("ok", "repair_dsn: none is configured, so nothing can be written")
		return out
	}
	if err := w.DB.PingContext(ctx); err != nil {
		say("fail", "repair_dsn: %v", w.classify(err))
		return out
	}
	schema := catalog.DefaultSchema
	switch there, err := w.ownTablesExist(ctx, schema); {
	case err != nil:
		say("fail", "repair_dsn: reading fence and ledger: %v", w.classify(err))
	case there:
		say("ok", "repair_dsn: fence and ledger are there: changes are applied exactly once")
	default:
		say("warn", "repair_dsn: fence and ledger (%s, %s) are made at the first repair, for which the user "+
			"needs CREATE", w.ownTable(schema, "fence"), w.ownTable(schema, "ledger"))
	}
	if adviser, ok := w.Dialect.(warehouse.Adviser); ok {
		ask := func(st warehouse.Statement) (warehouse.Rows, error) { return w.queryText(ctx, st) }
		out = append(out, adviser.AdviseWriting(ask)...)
	}
	return out
}

// queryText reads one text on a session that writes.
func (w *Writer) queryText(ctx context.Context, st warehouse.Statement) (warehouse.Rows, error) {
	var text string
	if err := w.DB.QueryRowContext(ctx, st.SQL, st.Args...).Scan(&text); err != nil {
		return nil, w.classify(err)
	}
	return warehouse.Rows{{{Text: text}}}, nil
}
