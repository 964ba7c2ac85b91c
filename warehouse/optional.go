package warehouse

import (
	"context"
	"strconv"
	"time"
)

// Comparer is a dialect that keeps times in no type of its own.
type Comparer interface {
	// Compare returns how a statement compares a column with an instant: the
	// expression for the column, and the argument to bind.
	Compare(column string, at time.Time) (expr string, arg any)
}

// Comparable returns how a statement compares a column with an instant: the
// expression for the column and the argument to bind. Most engines compare the
// column itself with a bound time; a [Comparer] has another way.
func Comparable(d Dialect, column string, at time.Time) (expr string, arg any) {
	if c, ok := d.(Comparer); ok {
		return c.Compare(column, at)
	}
	return column, at
}

// Speller is a dialect that takes some values for equal that are spelt differently, or that
// cannot compare some.
type Speller interface {
	// Spell returns an expression that differs whenever the value is spelt differently, and
	// is NULL for NULL. It can be grouped by.
	Spell(expr string) string
}

// Spell returns the spelling of a value; see [Speller].
func Spell(d Dialect, expr string) string {
	if s, ok := d.(Speller); ok {
		return s.Spell(expr)
	}
	return expr
}

// LenientTimes is a dialect that reads a value that is no time as NULL, without an error.
type LenientTimes interface {
	// LenientTimes has no effect. It marks the dialect.
	LenientTimes()
}

// PartialDates is a dialect whose dates may lack a day or a month, such as 2026-11-00.
// Epoch is NULL for them.
type PartialDates interface {
	// IsPartial returns the condition that a date or timestamp lacks its day or month, and
	// has a year.
	IsPartial(expr string) string
}

// ValueTimes is a dialect whose columns hold values of any type. Each value says for
// itself whether it is a time, and whether it has a zone. Epoch is NULL for a value that
// is no time.
type ValueTimes interface {
	LenientTimes
	// WithoutZone returns the condition that the value of expr is a time without a zone.
	WithoutZone(expr string) string
	// WithoutHour returns the condition that the value of expr is a date without a time
	// of day.
	WithoutHour(expr string) string
	// IsNumber returns the condition that the value of expr is a number.
	IsNumber(expr string) string
}

// ExpressionTimes is a dialect whose Epoch also reads values that are no date or
// timestamp, such as a time of day. That does for columns, whose types are known.
type ExpressionTimes interface {
	// EpochOfExpression is Epoch for an expression of a user, whose type is not known. A
	// value that is no date or timestamp is NULL, or fails the statement.
	EpochOfExpression(expr string) string
}

// FormatReader is a dialect that reads times in a format.
type FormatReader interface {
	// ReadFormat returns the expression for the Unix seconds of expr, which is a text or
	// a number in a format and is read as UTC. It is NULL for a value in another form.
	ReadFormat(expr string, f TimeFormat) string
}

// Confirmer is a dialect whose catalog shows only what the user of the session may read.
type Confirmer interface {
	// ConfirmRemoved asks the server about the columns and foreign keys that before has
	// and now, which the catalog has just shown, has not. It returns nil if all of them
	// are gone, and otherwise why that cannot be said.
	ConfirmRemoved(ctx context.Context, s Sessions, before, now *Table) error
}

// Explainer is a dialect that shows a plan by other words than EXPLAIN.
type Explainer interface {
	// Explain returns the statement that answers with the plan of sql.
	Explain(sql string) string
}

// FileDialect is a dialect whose DSN names a file.
type FileDialect interface {
	// Resolve returns dsn with its path replaced by what absolute makes of it.
	Resolve(dsn string, absolute func(path string) string) string
}

// DSNChecker is a dialect that reads a DSN without a connection.
type DSNChecker interface {
	// CheckDSN refuses a DSN with which no connection can be made. It reads no file.
	CheckDSN(dsn string) error
}

// CheckDSN refuses a DSN with which no connection can be made. d may be nil.
func CheckDSN(d Dialect, dsn string) error {
	if c, ok := d.(DSNChecker); ok {
		return c.CheckDSN(dsn)
	}
	return nil
}

// SystemNamer is a dialect that OpenTelemetry knows by another name.
type SystemNamer interface {
	// SystemName is the value of the attribute db.system.name.
	SystemName() string
}

// SystemName is OpenTelemetry's db.system.name of a registered dialect: the
// dialect's own name where it has no other.
func SystemName(dialect string) string {
	if d, ok := registered(dialect).(SystemNamer); ok {
		return d.SystemName()
	}
	return dialect
}

// TypeParser is a dialect with type names beside those of [StandardType].
type TypeParser interface {
	// ParseType reads a declared type, in lower case. The family of one that it
	// does not know is Other.
	ParseType(declared string) Type
}

// TypeSpeller is a dialect that knows all spellings of its own types.
type TypeSpeller interface {
	// OwnType reads a declared type. Native is the one spelling that all spellings of the
	// type have in common; it need not be the catalog's. ok is false for a type that the
	// engine does not have, and for one that a user made.
	OwnType(declared string) (t Type, ok bool)
}

// Limiter is a dialect that has no LIMIT.
type Limiter interface {
	// Limit returns the statement that answers with the first n rows of sql, which
	// ends in ORDER BY.
	Limit(sql string, n int) string
}

// Limit returns the statement that answers with the first n rows of sql.
func Limit(d Dialect, sql string, n int) string {
	if l, ok := d.(Limiter); ok {
		return l.Limit(sql, n)
	}
	return sql + " LIMIT " + strconv.Itoa(n)
}

// DistinctCounter is a dialect that counts distinct values in the scan of other aggregates,
// also of several columns, cheaper than by GROUP BY.
type DistinctCounter interface {
	// CountsDistinct has no effect. It marks the dialect.
	CountsDistinct()
}

// LeftJoiner is a dialect whose NOT EXISTS compares by collations even where both sides say
// otherwise. Rows without a partner are found by a LEFT JOIN.
type LeftJoiner interface {
	// LeftJoins has no effect. It marks the dialect.
	LeftJoins()
}

// Floorer is a dialect that has no function floor.
type Floorer interface {
	// Floor returns the expression for the largest whole number that is not above
	// expr.
	Floor(expr string) string
}

// Floor returns the expression for the largest whole number that is not above expr.
func Floor(d Dialect, expr string) string {
	if f, ok := d.(Floorer); ok {
		return f.Floor(expr)
	}
	return "floor(" + expr + ")"
}

// DatabaseSchemas is a dialect whose databases are its schemas, so that a DSN that names a
// database means this schema.
type DatabaseSchemas interface {
	// DatabasesAreSchemas has no effect. It marks the dialect.
	DatabasesAreSchemas()
}
