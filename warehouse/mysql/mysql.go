// Package mysql is the dialect of MySQL 8 and of MariaDB 10.6 and later. sessions.go keeps
// the connections and runs statements, settings.go sets a session up, errors.go classes
// errors, catalog.go reads the catalog, types.go the types, and writing.go is for
// repairs. Begin with [Dialect].
package mysql

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { warehouse.Register(Dialect{}) }

// Dialect implements [warehouse.Dialect] and [warehouse.WriteDialect].
type Dialect struct{}

// Name implements warehouse.Dialect.
func (Dialect) Name() string { return "mysql" }

// Matches implements warehouse.Dialect.
func (Dialect) Matches(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return scheme == "mysql" || scheme == "mariadb" || strings.Contains(dsn, "@tcp(") || strings.Contains(dsn, "@unix(")
}

// Quote implements warehouse.Dialect.
func (Dialect) Quote(ident string) (string, error) {
	if err := warehouse.CheckIdentifier(ident); err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(ident); n > 64 {
		return "", fmt.Errorf("identifier %q has %d characters; the engine keeps 64", ident, n)
	}
	return "`" + strings.ReplaceAll(ident, "`", "``") + "`", nil
}

// Param implements warehouse.Dialect.
func (Dialect) Param(int) string { return "?" }

// Epoch implements warehouse.Dialect. UNIX_TIMESTAMP ends in 2038; this does not. Zero
// dates, and those without a day or month, come out as NULL. A division would keep four digits only.
func (Dialect) Epoch(expr string) string {
	if expr == "" {
		expr = "utc_timestamp(6)"
	} else {
		// MariaDB reads a zero date as one of the year 0, and 2026-11-00 as a day.
		zero := "year(" + expr + ") = 0 OR month(" + expr + ") = 0 OR dayofmonth(" + expr + ") = 0"
		expr = "if(" + zero + ", NULL, " + expr + ")"
	}
	return "timestampdiff(MICROSECOND, '1970-01-01', " + expr + ") * 0.000001"
}

// IsPartial implements warehouse.PartialDates.
func (Dialect) IsPartial(expr string) string {
	return "(year(" + expr + ") > 0 AND (month(" + expr + ") = 0 OR dayofmonth(" + expr + ") = 0))"
}

// Lexicon implements warehouse.Lexer.
func (Dialect) Lexicon() warehouse.Lexicon {
	return warehouse.Lexicon{Parameters: "?", Backslashes: true, MySQLComments: true}
}

// DatabasesAreSchemas implements warehouse.DatabaseSchemas.
func (Dialect) DatabasesAreSchemas() {}

// LenientTimes implements warehouse.LenientTimes.
func (Dialect) LenientTimes() {}

// EpochOfExpression implements warehouse.ExpressionTimes. The engine would read a time of
// day as one of today, and the number 20261129 as a date.
func (d Dialect) EpochOfExpression(expr string) string {
	return "CASE WHEN cast(" + expr + " AS char) LIKE '____-__-__%' THEN " + d.Epoch(expr) + " END"
}

// ReadFormat implements warehouse.FormatReader.
func (d Dialect) ReadFormat(expr string, f warehouse.TimeFormat) string {
	text := "cast(" + expr + " AS char)"
	parts := f.Parts(func(from, n int) string { return fmt.Sprintf("substr(%s, %d, %d)", text, from, n) })
	at := d.Epoch("str_to_date(concat(" + strings.Join(parts, ", ") + "), '%Y-%m-%d %H:%i:%s')")
	return "CASE WHEN " + text + " REGEXP '" + f.Pattern() + "' THEN " + at + " END"
}

// Open implements warehouse.Dialect.
func (Dialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	login, err := warehouse.NewLogin(cfg.DSN, func(dsn string) (*login, error) { return parseReading(dsn, cfg) })
	if err != nil {
		return nil, err
	}
	s := &sessions{
		max:      cfg.MaxConnections,
		limit:    cfg.StatementTimeout + warehouse.Grace,
		login:    login,
		observer: cfg.Observer,
		settings: newSettings(cfg),
		now:      cfg.Clock.Now,
		timings:  cfg.Timings,
		slots:    make(chan struct{}, cfg.MaxConnections),
		idle:     make(chan *session, cfg.MaxConnections),
	}
	s.joined = sql.OpenDB(&sessionConnector{sessions: s, joins: true})
	s.alone = sql.OpenDB(&sessionConnector{sessions: s})
	s.alone.SetMaxIdleConns(-1) // none
	return s, nil
}

// login is a parsed DSN.
type login struct {
	alone   driver.Connector // of connections that take one statement at a time
	joined  driver.Connector // of those that take several
	timeout time.Duration    // until a session is set up
}

// parseReading returns how a session that reads is opened by a DSN. Whether its connections
// take several statements at once is not the user's choice.
func parseReading(dsn string, cfg warehouse.Config) (*login, error) {
	cc, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cc.ParseTime, cc.Loc = false, time.UTC
	if cc.Timeout == 0 {
		cc.Timeout = warehouse.ConnectTime(cfg.StatementTimeout)
	}
	l := &login{timeout: cc.Timeout}
	cc.MultiStatements, cc.InterpolateParams = false, false
	if l.alone, err = mysql.NewConnector(cc); err != nil {
		return nil, err
	}
	// Statements that are sent together cannot be prepared: the driver writes the arguments. It
	// refuses that beside a collation, which the settings of the session replace anyway.
	cc.MultiStatements, cc.InterpolateParams, cc.Collation = true, true, ""
	l.joined, err = mysql.NewConnector(cc)
	return l, err
}

// CheckDSN implements warehouse.DSNChecker.
func (Dialect) CheckDSN(dsn string) error {
	const want = "want mysql://user:password@host:3306/database"
	if _, rest, isURL := strings.Cut(dsn, "://"); isURL && strings.Trim(rest, "/") == "" {
		return errors.New("it names no server: write user:password@host:3306/database after //")
	}
	cfg, err := parseDSN(dsn)
	if err != nil {
		return fmt.Errorf("%w: %s", err, want)
	}
	if cfg.Net != "tcp" {
		return nil
	}
	_, port, _ := net.SplitHostPort(cfg.Addr)
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return fmt.Errorf("port %q is not 1 to 65535: %s", port, want)
	}
	return nil
}

// parseDSN accepts mysql://user:pw@host:port/db?... and the driver's own form.
func parseDSN(dsn string) (*mysql.Config, error) {
	cfg, err := parseForm(dsn)
	if err == nil {
		cfg.Logger = &mysql.NopLogger{} // the driver returns the same as an error
	}
	return cfg, err
}

func parseForm(dsn string) (*mysql.Config, error) {
	if !strings.HasPrefix(dsn, "mysql://") && !strings.HasPrefix(dsn, "mariadb://") {
		return mysql.ParseDSN(dsn)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("not a URL; want mysql://user:password@host:3306/database")
	}
	query := u.Query()
	network, addr := "tcp", u.Host
	if socket := query.Get("socket"); socket != "" {
		network, addr = "unix", socket
		query.Del("socket")
	} else if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	form := mysql.NewConfig().FormatDSN() // "/" with the driver's defaults
	if q := query.Encode(); q != "" {
		form += "?" + q
	}
	cfg, err := mysql.ParseDSN(form)
	if err != nil {
		return nil, err
	}
	cfg.Net, cfg.Addr, cfg.DBName, cfg.User = network, addr, strings.TrimPrefix(u.Path, "/"), u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	return cfg, nil
}

func bind(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if t, ok := a.(time.Time); ok {
			out[i] = t.UTC().Format("2006-01-02 15:04:05.999999")
		} else {
			out[i] = a
		}
	}
	return out
}
