package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// errorKinds are the kinds of the server's errors, by number.
var errorKinds = map[uint16]warehouse.ErrorKind{
	1044: warehouse.Forbidden, 1142: warehouse.Forbidden, 1143: warehouse.Forbidden,
	1227: warehouse.Forbidden, 1370: warehouse.Forbidden,
	1045: warehouse.Unauthorized,
	1049: warehouse.NoDatabase, 1146: warehouse.MissingTable, 1109: warehouse.MissingTable,
	1054: warehouse.MissingColumn,
	1969: warehouse.TimedOut, 3024: warehouse.TimedOut, 1317: warehouse.TimedOut,
	1205: warehouse.Locked,
	1062: warehouse.Conflict,
	1213: warehouse.Transient, 1040: warehouse.Transient, 1203: warehouse.Transient,
	1053: warehouse.Transient, 1927: warehouse.Transient,
}

// duplicateColumn is the error of a query in parentheses that has two columns of one name. Other
// engines take it.
const duplicateColumn = 1060

// brokenConnections are errors of the driver after which a connection is of no use.
var brokenConnections = []error{
	driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul,
	mysql.ErrBusyBuffer, mysql.ErrNoTLS, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
}

// classify classes an error by the server's number. An error of the driver that is none
// of the connection, such as an argument too few, is the statement's.
func classify(err error) error {
	if err == nil || errors.As(err, new(*warehouse.Error)) {
		return err
	}
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		kind, ok := errorKinds[e.Number]
		if !ok {
			kind = warehouse.BadStatement
		}
		if e.Number == duplicateColumn {
			err = fmt.Errorf("%w: give each column of the query a name of its own, such as `b.id AS other_id`", err)
		}
		return &warehouse.Error{Kind: kind, Code: strconv.Itoa(int(e.Number)), Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &warehouse.Error{Kind: warehouse.TimedOut, Err: err}
	}
	kind := warehouse.BadStatement
	var network net.Error
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &network) || errors.As(err, &certificate) {
		kind = warehouse.Unreachable
	}
	for _, broken := range brokenConnections {
		if errors.Is(err, broken) {
			kind = warehouse.Unreachable
		}
	}
	return &warehouse.Error{Kind: kind, Err: err}
}

// connectError classes the error of a connection that did not open, within the caller's
// time or its own.
func connectError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.As(err, new(*mysql.MySQLError)) ||
		errors.As(err, new(*warehouse.Error)) {
		return classify(errors.Join(err, ctx.Err()))
	}
	var network net.Error
	silent := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
	return &warehouse.Error{Kind: warehouse.Unreachable, Err: err, Silent: silent}
}
