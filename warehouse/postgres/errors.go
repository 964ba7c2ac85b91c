package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// fatal reports whether an error ended the connection. A pooler may leave the
// untranslated severity out.
func fatal(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}

// connectError classes the error of a connection that did not open, within the caller's
// time or its own.
func connectError(ctx context.Context, err error) error {
	if errors.As(err, new(*panics.Error)) || errors.As(err, new(*pgconn.PgError)) || ctx.Err() != nil {
		return classify(err)
	}
	if e := (*warehouse.Error)(nil); errors.As(err, &e) && e.Kind != warehouse.TimedOut {
		return err
	}
	silent := pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded)
	return &warehouse.Error{Kind: warehouse.Unreachable, Err: err, Silent: silent}
}

// classify classes an error by its SQLSTATE.
func classify(err error) error {
	if err == nil || warehouse.KindOf(err) != "" && errors.As(err, new(*warehouse.Error)) {
		return err
	}
	if errors.As(err, new(*panics.Error)) {
		return err // the server is not to blame
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return &warehouse.Error{Kind: warehouse.TimedOut, Err: err}
		}
		if errors.As(err, new(*pgproto3.ExceededMaxBodyLenErr)) {
			err = fmt.Errorf("a row is longer than %d MB: %w", longestMessage>>20, err)
			return &warehouse.Error{Kind: warehouse.BadStatement, Err: err}
		}
		return &warehouse.Error{Kind: warehouse.Unreachable, Err: err}
	}
	kind := warehouse.BadStatement
	switch code := server.Code; {
	case code == "3D000":
		kind = warehouse.NoDatabase
	case code == "42P01", code == "3F000":
		kind = warehouse.MissingTable
	case code == "42703":
		kind = warehouse.MissingColumn
	case code == "42501" && server.Routine == "check_enable_rls":
		kind = warehouse.HiddenRows
	case code == "42501":
		kind = warehouse.Forbidden
	case strings.HasPrefix(code, "28"):
		kind = warehouse.Unauthorized
	case code == "57014":
		kind = warehouse.TimedOut
	case code == "55P03":
		kind = warehouse.Locked
	case code == "23505", code == "23P01":
		kind = warehouse.Conflict
	case code == "57P03", strings.HasPrefix(code, "08") && fatal(server):
		return connectionError(server, err)
	case code == "40001", code == "40P01", code == "53300", code == "57P01", code == "57P02",
		strings.HasPrefix(code, "08") && code != protocolViolation, code == "HV00N":
		kind = warehouse.Transient // class 08 without the end of the connection: a foreign server's
	}
	return &warehouse.Error{Kind: kind, Code: server.Code, Err: err}
}

// protocolViolation is the code of a statement with too few parameters, and of most
// errors of PgBouncer.
const protocolViolation = "08P01"

// connectionError classes an error that ended the connection, or kept it from opening.
func connectionError(server *pgconn.PgError, err error) error {
	if name, ok := strings.CutPrefix(server.Message, "unsupported startup parameter: "); ok {
		return &warehouse.Error{Kind: warehouse.Unguarded, Code: server.Code, Err: fmt.Errorf(
			"the pooler (PgBouncer) refuses the parameter %s of the DSN: remove it from the DSN, "+
				"or add it to the pooler's ignore_startup_parameters: %w", name, err)}
	}
	return &warehouse.Error{Kind: warehouse.Unreachable, Code: server.Code, Err: err}
}
