package warehouse

// RowHasher is a dialect whose statements hash rows, so that few numbers say whether two
// tables hold the same. The hash of a row is the same on all engines. Equal values have
// equal texts, and different values different ones; only [HashText] of JSON and of an
// engine's own types may differ for equal values, and [HashFloat] of 0 and -0.
type RowHasher interface {
	// HashText writes the text of a column's value as a form says; NULL for NULL. column is
	// quoted.
	HashText(column string, t Type, form HashForm) (string, error)
	// Hash writes the hash of texts, of which some may be NULL: the last 60 bits of the MD5 of
	// the texts in UTF-8, each followed by a comma, with ~ in the place of NULL.
	Hash(texts []string) string
	// SumHashes writes the aggregate that adds up hashes without overflow.
	SumHashes(hash string) string
}

// KeyDivider is a dialect that divides integer keys into ranges of a power of two.
type KeyDivider interface {
	// DivideKey writes key divided by 2 to the power of shift, rounded down. Both are SQL. The
	// key fits 64 bits with a sign.
	DivideKey(key, shift string) string
	// BitsBetween writes the number of binary digits of the difference of two keys, or one
	// more. It does not overflow.
	BitsBetween(low, high string) string
}

// HashForm says how a statement writes a value that it hashes.
type HashForm struct {
	Kind HashKind
	// As is the type of the other table's column, Engine its dialect. Values of a dialect
	// without enforced types are read as values of that type.
	As     Type
	Engine string
	UTC    bool // times without a zone are in UTC
}

// HashKind is the form of a value's text.
type HashKind string

// The kinds of forms.
const (
	// HashNumber is digits without an exponent and without zeros that say nothing; 1 and 0 of
	// a boolean.
	HashNumber HashKind = "number"
	// HashFloat is the sign, the significant digits of the shortest decimal that reads back as
	// the value, e, and the number of digits before the point: -15e3 is -150.
	HashFloat HashKind = "float"
	// HashText is the number of characters, a colon, and the text.
	HashText HashKind = "text"
	// HashBytes is hexadecimal digits in lower case.
	HashBytes HashKind = "bytes"
	// HashTime is the text of [Value] for dates, times of day and timestamps.
	HashTime HashKind = "time"
	// HashStored is a value as an engine without types stores it, with its storage class.
	HashStored HashKind = "stored"
)
