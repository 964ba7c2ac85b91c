package mysql

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// writeConnector opens sessions of repairs.
type writeConnector struct {
	driver.Connector
	limit time.Duration // of one statement
}

// connect opens a session. MariaDB limits every statement, MySQL only SELECTs.
func (c *writeConnector) connect(ctx context.Context) (*writeConn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn := opened.(driverConn)
	_, err = conn.ExecContext(ctx, fmt.Sprintf("SET SESSION autocommit = 1 /*M!100600 , max_statement_time = %.3f */ "+
		"/*!80000 , max_execution_time = %d */", c.limit.Seconds(), c.limit.Milliseconds()), nil)
	session := &writeConn{driverConn: conn}
	if err == nil {
		err = session.identify(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("setting up the session: %w", err), conn.Close())
	}
	return session, nil
}

// writeConn is a session of repairs. The driver gives a session up when the context of a
// statement ends, or when the server says nothing. The server does not notice: it would go
// on with the statement, and keep its locks.
type writeConn struct {
	driverConn
	ender *ender
	identity
}

// Close implements driver.Conn. It also ends a session on the server that was given up.
func (c *writeConn) Close() error {
	givenUp := !c.IsValid()
	err := c.driverConn.Close()
	if givenUp {
		err = errors.Join(err, c.ender.end(c.identity))
	}
	return err
}

// identity tells a session from all others of the server, also from those after a restart,
// which get the same ids again.
type identity struct {
	id   string
	host string // with the port of its client; without one over a socket
	lock string // a name that no other session locks; "" where the server refuses named locks
}

// identify reads the identity of a new session.
func (c *writeConn) identify(ctx context.Context) error {
	row, err := readRow(ctx, c, "SELECT id, host FROM information_schema.processlist WHERE id = connection_id()")
	if err != nil {
		return err
	}
	c.identity = identity{id: row[0], host: row[1], lock: "sentinel-" + rand.Text()}
	row, err = readRow(ctx, c, "SELECT GET_LOCK('"+c.lock+"', 0)")
	if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) || err == nil && row[0] != "1" {
		c.lock = "" // some clusters have no named locks
		return nil
	}
	return err
}

// errUnsure says that it is not sure which session is meant, so that none may be ended.
var errUnsure = errors.New("it cannot be told from other sessions: its address has no port, and the server refuses " +
	"GET_LOCK. Look for it in SHOW PROCESSLIST, and KILL it there")

// isOn reports whether the session is still there.
func (i identity) isOn(ctx context.Context, conn driverConn) (bool, error) {
	if i.lock != "" {
		row, err := readRow(ctx, conn, "SELECT IS_USED_LOCK('"+i.lock+"')")
		return err == nil && row[0] == i.id, err
	}
	if !strings.Contains(i.host, ":") {
		return false, errUnsure
	}
	row, err := readRow(ctx, conn, "SELECT host FROM information_schema.processlist WHERE id = "+i.id)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil && row[0] == i.host, err
}
