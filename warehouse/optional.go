package warehouse

import (
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
