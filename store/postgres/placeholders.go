package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
)

// rewritten is pgx with parameters spelled as in SQLite: ? and ?1.
type rewritten struct {
	*stdlib.Conn
	texts map[string]string // of statements, by how they were spelled before
}

// text is a statement in the spelling of PostgreSQL.
func (c rewritten) text(query string) string {
	text, known := c.texts[query]
	if !known {
		text = dollars(query)
		c.texts[query] = text
	}
	return text
}

// PrepareContext asks the server nothing: pgx prepares a statement when it is first run on a
// connection, and keeps it there.
func (c rewritten) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return statement{c, c.text(query)}, nil
}

func (c rewritten) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, c.text(query), args)
}

func (c rewritten) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, c.text(query), args)
}

// statement is a text that is run on a connection.
type statement struct {
	conn rewritten
	text string
}

func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.Conn.ExecContext(ctx, s.text, args)
}

func (s statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.Conn.QueryContext(ctx, s.text, args)
}

// NumInput leaves the number of arguments to the server.
func (s statement) NumInput() int { return -1 }

// Close does nothing.
func (s statement) Close() error { return nil }

// errNoContext answers methods of driver.Stmt that database/sql does not call.
var errNoContext = errors.New("a statement of the state needs a context")

// Exec implements driver.Stmt.
func (s statement) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }

// Query implements driver.Stmt.
func (s statement) Query([]driver.Value) (driver.Rows, error) { return nil, errNoContext }

// dollars writes ? and ?1 as $1. The statements of the state hold no other
// question marks.
func dollars(query string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, more := strings.Cut(query, "?")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		b.WriteByte('$')
		if after == "" || after[0] < '0' || after[0] > '9' {
			b.WriteString(strconv.Itoa(n))
		}
		query = after
	}
}
