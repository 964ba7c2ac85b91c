package repair

import (
	"context"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Diagnosis is one thing that a DSN may or may not do.
type Diagnosis struct {
	Level string // ok, warn, fail
	Text  string // with what to do
}

// Doctor looks at the two DSNs of a warehouse: whether checks may do no more
// than read, and what holds when repairs are carried out. It changes nothing.
func Doctor(ctx context.Context, read *warehouse.DB, w *Writer) (out []Diagnosis) {
	say := func(level, format string, args ...any) {
		out = append(out, Diagnosis{level, fmt.Sprintf(format, args...)})
	}
	catalog, err := read.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
	if err != nil {
		say("fail", "dsn: %v", err)
		return out
	}
	say("ok", "dsn: the server answers")
	if catalog.Standby {
		say("warn", "dsn: the server is a standby: checks run, and repairs are refused")
	}
	readPowers(ctx, read, say)
	if w == nil {
		say("ok", "repair_dsn: none is configured, so nothing can be written")
		return out
	}
	if err := w.DB.PingContext(ctx); err != nil {
		say("fail", "repair_dsn: %v", w.class(err))
		return out
	}
	schema := catalog.DefaultSchema
	switch there, err := w.there(ctx, schema); {
	case err != nil:
		say("fail", "repair_dsn: looking for fence and ledger: %v", w.class(err))
	case there:
		say("ok", "repair_dsn: fence and ledger are there: changes are applied exactly once")
	default:
		say("warn", "repair_dsn: fence and ledger (%s, %s) are made at the first repair, for which the user needs CREATE", w.ownSQL(schema, "fence"), w.ownSQL(schema, "ledger"))
	}
	if w.Engine == "mysql" {
		say("warn", "repair_dsn: ALTER commits by itself here: intent and outcome are in the ledger, and the catalog tells after a crash")
		var version string
		if err := w.DB.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
			say("fail", "repair_dsn: %v", w.class(err))
		}
		for _, bad := range []string{"8.0.29", "8.0.30", "8.0.31"} {
			if strings.HasPrefix(version, bad) {
				say("warn", "repair_dsn: MySQL %s may corrupt tables with instantly added columns: upgrade before using alter_table", version)
			}
		}
	}
	return out
}

// readPowers warns of a user for checks that could do harm.
func readPowers(ctx context.Context, read *warehouse.DB, say func(level, format string, args ...any)) {
	switch read.Config.Dialect {
	case "postgres":
		rows, err := Query(ctx, read, warehouse.Statement{SQL: `SELECT r.rolsuper::text, r.rolbypassrls::text, (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r','p'))::text, (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r','p') AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog','information_schema') AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'DELETE')))::text, (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relrowsecurity)::text FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`})
		if err != nil || len(rows) == 0 {
			say("warn", "dsn: its privileges could not be read: %v", err)
			return
		}
		super, bypass, owned, writable, secured := rows[0][0].Text, rows[0][1].Text, rows[0][2].Text, rows[0][3].Text, rows[0][4].Text
		switch {
		case super == "true":
			say("warn", "dsn: the user is a superuser: give checks one with SELECT alone")
		case owned != "0":
			say("warn", "dsn: the user owns %s tables: give checks one with SELECT alone", owned)
		case writable != "0":
			say("warn", "dsn: the user may write to %s tables: give checks one with SELECT alone", writable)
		default:
			say("ok", "dsn: the user may not write")
		}
		if secured != "0" && bypass != "true" && super != "true" {
			say("warn", "dsn: %s tables have row security: checks see the rows of their user alone", secured)
		}
	case "mysql":
		rows, err := Query(ctx, read, warehouse.Statement{SQL: "SHOW GRANTS"})
		if err != nil {
			say("warn", "dsn: its privileges could not be read: %v", err)
			return
		}
		for _, r := range rows {
			if g := strings.ToUpper(r[0].Text); strings.Contains(g, "ALL PRIVILEGES") || strings.Contains(g, "INSERT") || strings.Contains(g, "DELETE") {
				say("warn", "dsn: the user may write: give checks one with SELECT alone")
				return
			}
		}
		say("ok", "dsn: the user may not write")
	}
}
