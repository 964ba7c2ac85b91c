package warehouse

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// withDefaults fills in what is not configured. Numbers below zero count as not
// configured.
func (c Config) withDefaults() Config {
	c.MaxConnections = max(c.MaxConnections, 0)
	c.StatementTimeout = max(c.StatementTimeout, 0)
	c.LockTimeout = max(c.LockTimeout, 0)
	c.RepairTimeout = max(c.RepairTimeout, 0)
	if c.Observer == nil {
		c.Observer = NopObserver{}
	}
	if c.Clock == nil {
		c.Clock = sentinel.ClockFunc(func() time.Time { return time.Time{} })
	}
	if c.Timings == nil {
		c.Timings = NewTimings(c.Clock)
	}
	if err := settings.Complete(&c); err != nil {
		panic(err) // no key of a warehouse is checked by Complete
	}
	return c
}

// ConnectionLifetime is the longest life of a connection. New connections find a
// server whose address has moved, without a restart of the agent.
const ConnectionLifetime = time.Hour

// CheckIdentifier refuses names that no engine should be asked to quote.
// Bidirectional controls are refused because they make a statement read
// differently from what it does.
func CheckIdentifier(name string) error {
	switch {
	case name == "":
		return errors.New("an identifier is empty")
	case !utf8.ValidString(name):
		return fmt.Errorf("identifier %q is not valid UTF-8", name)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("identifier %q holds the control character %U", name, r)
		}
	}
	return nil
}

// QuoteDouble quotes an identifier with double quotes, as standard SQL has it. It
// refuses one of more than maxBytes bytes; 0 sets no limit.
func QuoteDouble(name string, maxBytes int) (string, error) {
	if err := CheckIdentifier(name); err != nil {
		return "", err
	}
	if maxBytes > 0 && len(name) > maxBytes {
		return "", fmt.Errorf("identifier %q has %d bytes; the engine keeps %d", name, len(name), maxBytes)
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`, nil
}

// QuoteTable quotes schema and table for a statement.
func QuoteTable(d Dialect, t TableName) (string, error) {
	name, err := d.Quote(t.Name)
	if err != nil {
		return "", err
	}
	if t.Schema == "" {
		return name, nil
	}
	schema, err := d.Quote(t.Schema)
	if err != nil {
		return "", err
	}
	return schema + "." + name, nil
}
