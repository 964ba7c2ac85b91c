package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// setting is a variable of the session.
type setting struct {
	name string
	set  string // expression; "" if it is only read back
	want string // number or text that the server shows
}

// settings set a new session up, and read it back. MariaDB limits every statement by
// max_statement_time, MySQL only SELECTs by max_execution_time. Each runs the comments
// that are meant for it.
type settings struct {
	shared, mariadb, mysql []setting
}

func newSettings(cfg warehouse.Config) settings {
	lock := strconv.FormatFloat(max(1, cfg.LockTimeout.Seconds()), 'f', 0, 64)
	seconds := strconv.FormatFloat(cfg.StatementTimeout.Seconds(), 'f', 3, 64)
	sending := strconv.FormatFloat(max(60, math.Ceil(cfg.StatementTimeout.Seconds())), 'f', 0, 64)
	ms := strconv.FormatInt(cfg.StatementTimeout.Milliseconds(), 10)
	return settings{
		shared: []setting{
			{"character_set_client", "utf8mb4", "utf8mb4"},
			{"character_set_connection", "utf8mb4", "utf8mb4"},
			{"character_set_results", "utf8mb4", "utf8mb4"},
			{"time_zone", "'+00:00'", "+00:00"},
			{"autocommit", "1", "1"}, // else all statements see the data of the first
			{"lock_wait_timeout", lock, lock},
			{"innodb_lock_wait_timeout", lock, lock},
			{"sql_select_limit", "18446744073709551615", "18446744073709551615"},
			{"sql_auto_is_null", "0", "0"},
			{"sql_big_selects", "1", "1"},
			// An answer that is merged with another waits while the other side is sorted.
			{"net_write_timeout", sending, ""},
			// How a text is read stays as the user's clients read it, such as by ANSI_QUOTES.
			{"sql_mode", "REPLACE(@@SESSION.sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', '')", ""},
		},
		mariadb: []setting{{"max_statement_time", seconds, seconds}, {"tx_read_only", "", "1"}},
		mysql: []setting{
			{"max_execution_time", ms, ms}, {"information_schema_stats_expiry", "0", "0"},
			{"transaction_read_only", "", "1"},
		},
	}
}

// comments is a list with the parts of each engine in comments that the other skips.
func (s settings) comments(each func(setting) string) string {
	list := func(settings []setting) (out string) {
		for _, one := range settings {
			if text := each(one); text != "" {
				out += ", " + text
			}
		}
		return out
	}
	return strings.TrimPrefix(list(s.shared), ", ") +
		" /*M!100600 " + list(s.mariadb) + " */ /*!80000 " + list(s.mysql) + " */"
}

// statements set a session up.
func (s settings) statements() []string {
	return []string{
		"SET SESSION TRANSACTION READ ONLY",
		"SET SESSION " + s.comments(func(one setting) string {
			if one.set == "" {
				return ""
			}
			return one.name + " = " + one.set
		}),
	}
}

// check is the statement that reads the settings back, after the id of the connection and
// whether its texts have other quotes than [Dialect.Lexicon] says.
func (s settings) check() string {
	return "SELECT connection_id(), @@SESSION.sql_mode REGEXP 'ANSI_QUOTES|NO_BACKSLASH_ESCAPES', " +
		s.comments(func(one setting) string { return "@@SESSION." + one.name })
}

// verify compares an answer to check with what was set.
func (s settings) verify(row []string) error {
	for i, one := range s.shared {
		if i >= len(row) || one.want != "" && row[i] != one.want {
			return unguarded(fmt.Errorf("the session's %s is not %s: %q", one.name, one.want, row))
		}
	}
	rest := row[len(s.shared):]
	own := s.mysql
	if len(rest) == len(s.mariadb) {
		own = s.mariadb
	}
	if len(rest) != len(own) {
		return unguarded(fmt.Errorf("the server confirms %d settings: %q", len(row), row))
	}
	for i, one := range own {
		got, err := strconv.ParseFloat(rest[i], 64)
		want, _ := strconv.ParseFloat(one.want, 64) // made by newSettings
		if err != nil || got != want {
			return unguarded(fmt.Errorf("the session's %s is not %s: %q", one.name, one.want, rest[i]))
		}
	}
	return nil
}

func unguarded(err error) error {
	return &warehouse.Error{Kind: warehouse.Unguarded,
		Err: fmt.Errorf("the settings of the session cannot be made, and no check runs without them: %w", err)}
}

// apply sets a new connection up, reads the settings back, and returns the connection's id.
// With joined it does all in one round trip, which fails if the server takes one statement
// at a time, or reads the quotes in a text in another way.
func (s settings) apply(ctx context.Context, conn driverConn, joined bool) (id string, err error) {
	statements := s.statements()
	check := s.check()
	if joined {
		check = strings.Join(append(statements, check), separator)
		statements = nil
	}
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement, nil); err != nil {
			return "", fmt.Errorf("setting up the session: %w", err)
		}
	}
	row, err := readRow(ctx, conn, check)
	if err != nil {
		return "", fmt.Errorf("reading back the session: %w", err)
	}
	if joined && row[1] != "0" {
		return "", errors.New("the session has an sql_mode with other quotes")
	}
	return row[0], s.verify(row[2:])
}

// readRow returns the one row that a query answers with.
func readRow(ctx context.Context, conn driverConn, query string) (row []string, err error) {
	rows, err := conn.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(values); err != nil {
		return nil, err
	}
	row = make([]string, len(values))
	for i, v := range values {
		row[i] = fmt.Sprint(v)
		if text, ok := v.([]byte); ok {
			row[i] = string(text)
		}
	}
	if err := rows.Next(values); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more than one row, %w", err)
	}
	return row, nil
}
