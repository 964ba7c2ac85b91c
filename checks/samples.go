package checks

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Samples says which columns of bad rows are kept when a check turns bad.
type Samples struct {
	Columns []string          `yaml:"columns" required:"true" doc:"Columns that are read and kept; keys is the primary key."`
	Limit   int               `yaml:"limit" default:"5" doc:"Rows, 1 to 100."`
	Keep    Duration          `yaml:"keep" default:"7d" doc:"How long they are kept after the incident is resolved."`
	Mask    map[string]string `yaml:"mask" doc:"What is kept of a column's values: hash, length, shape or null."`
	// Explain are those of Columns whose values may stand in messages; see [ExplainFailures].
	Explain []string `yaml:"explain" doc:"Columns whose values messages may name to say which rows are bad. None may be masked."`
}

// sampleKeys stands for the primary key in a list of columns.
const sampleKeys = "keys"

// masks are what may be kept of a value, in the place of it.
var masks = map[string]func(key []byte, value string) *string{
	"hash":   hashed,
	"length": func(_ []byte, value string) *string { return keepText(strconv.Itoa(utf8.RuneCountInString(value))) },
	"shape":  func(_ []byte, value string) *string { return keepText(strings.Map(classOf, value)) },
	"null":   func([]byte, string) *string { return nil },
}

// Validate checks the keys and sets defaults.
func (s *Samples) Validate() error {
	if err := settings.Complete(s); err != nil {
		return err
	}
	switch {
	case len(s.Columns) == 0:
		return settings.Wrong("columns", "want the columns that may be kept, such as [id, status], or keys")
	case s.Limit < 1 || s.Limit > 100:
		return settings.Wrong("limit", "want 1 to 100 rows")
	case s.Keep < Duration(time.Minute):
		return settings.Wrong("keep", "want at least 1m")
	}
	if slices.Contains(s.Columns, "") || slices.Contains(s.Columns, "*") {
		return settings.Wrong("columns", "name each column: others are never read")
	}
	if err := settings.In("columns", distinctColumns(s.Columns)); err != nil {
		return err
	}
	for _, column := range slices.Sorted(maps.Keys(s.Mask)) {
		mask := s.Mask[column]
		if masks[mask] == nil {
			return settings.Wrong("mask", "%s: %s", column,
				settings.UnknownWord("mask", mask, slices.Sorted(maps.Keys(masks))))
		}
		if !slices.Contains(s.Columns, column) && !slices.Contains(s.Columns, sampleKeys) {
			return settings.Wrong("mask", "%s is not in columns, so that it is never read", column)
		}
	}
	for i, column := range s.Explain {
		switch {
		case !slices.Contains(s.Columns, column) || column == sampleKeys:
			return settings.Wrong(settings.Index("explain", i), "%s is not in columns, so that it is never read", column)
		case s.Mask[column] != "":
			return settings.Wrong(settings.Index("explain", i), "%s is masked: no message may name its values", column)
		case slices.Contains(s.Explain[:i], column):
			return settings.Wrong(settings.Index("explain", i), "%s is listed twice", column)
		}
	}
	return nil
}

// failingRows says which rows of its table a check counts as bad.
type failingRows struct {
	bad    warehouse.Predicate
	where  string
	window Window
	query  string       // SELECT of the user that returns the bad rows, in the place of the other fields
	keys   *failingKeys // keys that are bad, in the place of bad
}

// rowFailer is a kind that can say which rows are bad.
type rowFailer interface {
	Check
	// failing says which rows are bad. Known.Relation must be set.
	failing(t Target) (*failingRows, error)
}

// SamplesRows reports whether a check can say which rows are bad, so that `samples:` has
// an effect on it.
func SamplesRows(c Check) bool {
	if r, is := c.(*Reconcile); is {
		return len(r.Key) > 0
	}
	_, can := c.(rowFailer)
	return can
}

// failing says which rows break a rule.
func (b *BadRows) failing(t Target, c rowChecker) (*failingRows, error) {
	if err := b.timeError(t); err != nil {
		return nil, err
	}
	rule, err := c.rule(t)
	if err != nil {
		return nil, err
	}
	return &failingRows{bad: rule.bad, where: c.Common().Where, window: b.closes().window(t, t.Known.Relation)}, nil
}

func (c *Missing) failing(t Target) (*failingRows, error) { return c.BadRows.failing(t, c) }

func (c *Invalid) failing(t Target) (*failingRows, error) { return c.BadRows.failing(t, c) }

func (c *FailedRows) failing(t Target) (*failingRows, error) {
	if c.Query != "" {
		return &failingRows{query: warehouse.WithoutEnd(t.Known.Dialect, c.Query)}, nil
	}
	return c.BadRows.failing(t, c)
}

// masked returns what is kept of a value. NULL stays NULL.
func masked(key []byte, mask string, value warehouse.Cell) *string {
	if value.Null {
		return nil
	}
	if of := masks[mask]; of != nil {
		return of(key, value.Text)
	}
	return keepText(value.Text)
}

func keepText(text string) *string {
	text = sentinel.Clip(text)
	return &text
}

// hashed returns 12 hexadecimal digits of the HMAC-SHA256 of a value (RFC 2104). Equal values
// have equal hashes, and nobody without the key can try values.
func hashed(key []byte, value string) *string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(value))
	return keepText(fmt.Sprintf("%x", h.Sum(nil)[:6]))
}

// classOf returns the class of a character: A, a, 9, a blank, or @ for all others.
func classOf(r rune) rune {
	switch {
	case unicode.IsUpper(r):
		return 'A'
	case unicode.IsLetter(r):
		return 'a'
	case unicode.IsDigit(r):
		return '9'
	case r == ' ':
		return r
	}
	return '@'
}
