package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
)

// connectTime bounds one connection.
const connectTime = 5 * time.Second

// errNoAddress stands for the parser's error, which may hold the password.
var errNoAddress = errors.New("not an address of PostgreSQL such as postgres://sentinel@db/sentinel")

// login opens connections by a DSN that may change.
type login struct {
	dsn     sentinel.Secret
	sources secrets.Set
}

func newLogin(dsn sentinel.Secret) login { return login{dsn, secrets.Of(dsn)} }

// name is the address without its secrets.
func (l login) name() string { return Redact(l.dsn.Reveal()) }

// config parses the DSN as it is now.
func (l login) config() (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(l.dsn.Reveal())
	if err != nil {
		return nil, errNoAddress
	}
	cfg.ConnectTimeout = connectTime
	return cfg, nil
}

// connect calls open with the DSN as it is now. If the login is refused, the DSN is read
// again, and open is called once more if it has changed.
func (l login) connect(ctx context.Context, open func(*pgx.ConnConfig) error) error {
	return l.sources.Try(ctx, Refused, func() error {
		cfg, err := l.config()
		if err != nil {
			return err
		}
		return open(cfg)
	})
}

// Refused reports whether an error is a login that the server refuses.
func Refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, "28")
}

// connector opens the connections of a pool.
type connector struct {
	login
	parameters map[string]string
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	err = c.connect(ctx, func(cfg *pgx.ConnConfig) error {
		for name, value := range c.parameters {
			cfg.RuntimeParams[name] = value
		}
		opened, err := stdlib.GetConnector(*cfg).Connect(ctx)
		if err == nil {
			conn = rewritten{opened.(*stdlib.Conn), map[string]string{}}
		}
		return err
	})
	return conn, err
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Handles reports whether an address is one of PostgreSQL: a URL, or words such as
// host=db dbname=sentinel.
func Handles(address string) bool {
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		return true
	}
	word, _, ok := strings.Cut(strings.TrimSpace(address), "=")
	return ok && keywords[strings.TrimSpace(word)]
}

// keywords are the first words of an address that is no URL.
var keywords = map[string]bool{
	"host": true, "hostaddr": true, "port": true, "dbname": true, "user": true, "password": true, "passfile": true,
	"service": true, "sslmode": true, "application_name": true, "connect_timeout": true, "options": true,
}

// nowhere stands for an address of which nothing may be shown.
const nowhere = "postgres://***"

// Redact writes where an address leads, and nothing else of it: the user, the server and the
// database. It is made of what the driver reads, so that a password of any form stays out.
// An address whose password may have been read as something else is not shown at all.
func Redact(address string) string {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return redactUnread(address)
	}
	if u, err := url.Parse(address); err == nil && u.Host != "" && !plain(u) {
		return nowhere
	}
	hosts := []string{hostPort(cfg.Host, cfg.Port)}
	for _, f := range cfg.Fallbacks {
		if host := hostPort(f.Host, f.Port); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	host := strings.Join(hosts, ",")
	if strings.ContainsAny(host+cfg.Database, "@#?&= ") || strings.Contains(cfg.Database, "/") {
		return nowhere
	}
	return "postgres://" + url.User(cfg.User).String() + "@" + host + "/" + url.PathEscape(cfg.Database)
}

// hostPort writes a server without its port where that is the usual one. A path of a socket is
// escaped.
func hostPort(host string, port uint16) string {
	switch {
	case strings.HasPrefix(host, "/"):
		return url.PathEscape(host)
	case port == 5432:
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// plain reports whether a URL has no sign that its password holds characters which a URL
// would have to write otherwise.
func plain(u *url.URL) bool {
	return u.Fragment == "" && !strings.ContainsAny(u.Host+u.Path+u.RawQuery, "@")
}

// redactUnread writes the server of an address that the driver cannot read.
func redactUnread(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !plain(u) {
		return nowhere
	}
	return "postgres://" + u.Host + "/***"
}
