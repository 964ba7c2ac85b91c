package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// setting is one setting of a guard. The server answers with the value that is in
// force then, which begins with want.
type setting struct {
	name, value string
	want        []byte
}

// guard sets up the session or the transaction of statements, and reads back what is in
// force. Where it fails, the server skips the statement after it.
type guard struct {
	settings    []setting
	connection  string // sets the session up where the connection leads to a server itself
	transaction string // sets the transaction up, in front of each statement, behind a pooler
}

// ownPath makes unqualified names of functions mean the server's own first, then those of
// the role's search_path.
const ownPath = "pg_catalog.btrim(pg_catalog.concat('pg_catalog, ', pg_catalog.current_setting('search_path')), ', ')"

// guardFor returns the guard of a warehouse's statements. rowSecurity is off where a statement
// fails that would not see all rows of a table, and on where it sees some.
func guardFor(cfg warehouse.Config, rowSecurity string) guard {
	return newGuard([]setting{
		{"row_security", "'" + rowSecurity + "'", []byte(rowSecurity)},
		{"default_transaction_read_only", "'on'", []byte("on")},
		{"transaction_read_only", "'on'", []byte("on")},
		duration("statement_timeout", cfg.StatementTimeout),
		duration("lock_timeout", cfg.LockTimeout),
		{"client_encoding", "'UTF8'", []byte("UTF8")},
		{"TimeZone", "'UTC'", []byte("UTC")},
		{"DateStyle", "'ISO'", []byte("ISO")},
		{"IntervalStyle", "'postgres'", []byte("postgres")},
		{"extra_float_digits", "'1'", []byte("1")},
		{"bytea_output", "'hex'", []byte("hex")},
		{"lc_monetary", "'C'", []byte("C")},
		{"xmlbinary", "'base64'", []byte("base64")},
		{"gin_fuzzy_search_limit", "'0'", []byte("0")}, // any other answers with a part of the rows
		{"standard_conforming_strings", "'on'", []byte("on")},
		{"transform_null_equals", "'off'", []byte("off")},
		{"quote_all_identifiers", "'off'", []byte("off")},
		{"jit", "'off'", []byte("off")}, // compiling costs more than the catalog's statement itself
		{"search_path", ownPath, []byte("pg_catalog")},
	})
}

// newGuard writes the statements. set_config with true ends with the transaction. A
// pooler gives its clients another process id than the server's, and its sessions are
// shared: nothing may stay in them.
func newGuard(settings []setting) guard {
	calls := func(local string) string {
		out := make([]string, len(settings))
		for i, s := range settings {
			out[i] = fmt.Sprintf("pg_catalog.set_config('%s', %s, %s)", s.name, s.value, local)
		}
		return strings.Join(out, ", ")
	}
	const pooled = "pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) $1::pg_catalog.int8"
	return guard{
		settings:    settings,
		connection:  "SELECT " + calls(pooled) + ", pg_catalog.pg_backend_pid()",
		transaction: "SELECT " + calls("true"),
	}
}

// duration is a setting of milliseconds. The server shows it in the largest unit that
// divides it.
func duration(name string, d time.Duration) setting {
	ms := d.Milliseconds()
	shown := fmt.Sprintf("%dms", ms)
	for _, unit := range []struct {
		ms   int64
		name string
	}{{1000, "s"}, {60_000, "min"}, {3_600_000, "h"}, {86_400_000, "d"}} {
		if ms%unit.ms == 0 {
			shown = fmt.Sprintf("%d%s", ms/unit.ms, unit.name)
		}
	}
	if ms == 0 {
		shown = "0"
	}
	return setting{name, fmt.Sprintf("'%d'", ms), []byte(shown)}
}

// connect sets a new connection up, and reports whether it leads to a server itself.
func (g guard) connect(ctx context.Context, conn *pgconn.PgConn) (direct bool, err error) {
	pid := strconv.AppendUint(nil, uint64(conn.PID()), 10)
	r := conn.ExecParams(ctx, g.connection, [][]byte{pid}, nil, nil, nil).Read()
	if r.Err != nil {
		return false, g.failure(ctx, r.Err)
	}
	if len(r.Rows) != 1 || len(r.Rows[0]) == 0 {
		return false, unguarded("", errors.New("the server confirms nothing"))
	}
	last := len(r.Rows[0]) - 1
	return bytes.Equal(r.Rows[0][last], pid), g.verify(r.Rows[0][:last])
}

// holds compares the settings of a session that the server reports by itself with those
// that were set: a function that a check calls may have changed them.
func (g guard) holds(conn *pgconn.PgConn) bool {
	for _, s := range g.settings {
		reported := conn.ParameterStatus(s.name)
		if reported != "" && s.name != "search_path" && !strings.HasPrefix(reported, string(s.want)) {
			return false
		}
	}
	return true
}

// verify compares what the server says is in force with what was set.
func (g guard) verify(values [][]byte) error {
	if len(values) != len(g.settings) {
		return unguarded("", fmt.Errorf("the server confirms %d of %d settings", len(values), len(g.settings)))
	}
	for i, s := range g.settings {
		if !bytes.HasPrefix(values[i], s.want) {
			return unguarded("", fmt.Errorf("%s is %q, not %s", s.name, values[i], s.want))
		}
	}
	return nil
}

// failure is the error of a guard that the server refused.
func (g guard) failure(ctx context.Context, err error) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) || fatal(server) {
		return connectError(ctx, err)
	}
	if server.Code == "57014" && ctx.Err() == nil {
		err = fmt.Errorf("the role's own statement_timeout ends the statement that sets the warehouse's: "+
			"ALTER ROLE ... RESET statement_timeout: %w", err)
	}
	return unguarded(server.Code, err)
}

func unguarded(code string, err error) error {
	return &warehouse.Error{Kind: warehouse.Unguarded, Code: code,
		Err: fmt.Errorf("the settings of the session cannot be made, and no check runs without them: %w", err)}
}
