package checks

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("reconcile", func() Check { return &Reconcile{} }) }

// Reconcile compares a table with another one that must have the same rows, in the same
// warehouse or another. It compares the number of rows and the sums of columns.
type Reconcile struct {
	Options   `yaml:",inline"`
	With      *sentinel.Table `yaml:"with" required:"true" doc:"The other table: warehouse.schema.table."`
	Tolerance Tolerance       `yaml:"tolerance" doc:"Allowed difference: \"1%\" or \"100\". Default: none."`
	Sum       []string        `yaml:"sum" doc:"Columns whose sums must agree too."`
	Bucketed  `yaml:",inline"`
	OnMissing Policy `yaml:"on_missing_table" default:"fail" doc:"Result when a table does not exist."`
	Severity  Policy `yaml:"severity" default:"fail" doc:"Result of a difference."`
}

// Tolerance is the allowed difference of two numbers: a number, or a percentage of the
// larger one.
type Tolerance struct {
	By      float64
	Percent bool
}

// UnmarshalText reads "1%" or "100".
func (t *Tolerance) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	v, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), "_", ""), 64)
	if err != nil || math.IsNaN(v) || v < 0 || percent && v > 100 {
		return fmt.Errorf("tolerance %q: want a number such as 100, or a percentage such as 1%%", b)
	}
	*t = Tolerance{v, percent}
	return nil
}

// String writes the tolerance for people.
func (t Tolerance) String() string {
	switch {
	case t.By == 0:
		return "equal"
	case t.Percent:
		return fmt.Sprintf("at most %g%% apart", t.By)
	}
	return fmt.Sprintf("at most %g apart", t.By)
}

// holds reports whether two numbers are close enough. Equal numbers always are, also if
// a float could not represent them.
func (t Tolerance) holds(a, b sentinel.Number) bool {
	if a.Cmp(b) == 0 {
		return true
	}
	x, y := a.Float64(), b.Float64()
	limit := t.By
	if t.Percent {
		limit = t.By / 100 * max(math.Abs(x), math.Abs(y))
	}
	return limit > 0 && math.Abs(x-y) <= limit
}

// Validate implements Check.
func (c *Reconcile) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	switch {
	case c.With == nil:
		return settings.Wrong("with", "want the other table, such as replica.public.orders")
	case c.Severity != "warn" && c.Severity != "fail":
		return settings.Wrong("severity", "want warn or fail")
	}
	c.Aspect = c.With.String()
	return c.validateBucket()
}

// Needs implements Check.
func (c *Reconcile) Needs(t Target) Needs {
	return Needs{Column: t.columnName(c.Column), Like: c.With}
}

// Ask implements Check. It asks both tables the same questions.
func (c *Reconcile) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil || t.Known.Like == nil || c.timeError(t) != nil {
		return nil
	}
	var asks []Ask
	for _, side := range []struct {
		of  *sentinel.Table
		rel *warehouse.Table
	}{{nil, t.Known.Relation}, {c.With, t.Known.Like}} {
		prefix := "here "
		if side.of != nil {
			prefix = "there "
		}
		window := c.window(t, side.rel)
		asks = append(asks, Ask{Key: prefix + "rows", Of: side.of,
			Aggregate: &Aggregate{Func: "count", Where: c.Where, Window: window}})
		for _, column := range c.Sum {
			asks = append(asks, Ask{Key: prefix + column, Of: side.of,
				Aggregate: &Aggregate{Func: "sum", Column: column, Where: c.Where, Window: window}})
		}
	}
	return asks
}

// timeError returns why the time column of a table cannot be used, if one is needed.
func (c *Reconcile) timeError(t Target) error {
	if c.Bucket == "" {
		return nil
	}
	for _, rel := range []*warehouse.Table{t.Known.Relation, t.Known.Like} {
		if _, err := c.timeColumn(t, rel); err != nil {
			return err
		}
	}
	return nil
}

// Judge implements Check.
func (c *Reconcile) Judge(t Target, a Answers) sentinel.Result {
	const kind = "reconcile"
	switch {
	case t.Known.Err != nil:
		return errorResult(kind, t.Known.Err)
	case t.Known.LikeErr != nil:
		return errorResult(kind, fmt.Errorf("%s: %w", c.With, t.Known.LikeErr))
	case t.Known.Relation == nil:
		return missingTable(kind, t, c.OnMissing)
	case t.Known.Like == nil:
		return errorResult(kind, fmt.Errorf("%s does not exist", c.With))
	}
	if err := c.timeError(t); err != nil {
		return errorResult(kind, err)
	}
	var findings []sentinel.Finding
	var observed []sentinel.Observation
	seen := ""
	for _, what := range append([]string{"rows"}, c.Sum...) {
		here, there := a.of("here "+what), a.of("there "+what)
		if err := errors.Join(here.Err, there.Err); err != nil {
			return errorResult(kind, err)
		}
		name, key := what, ""
		if what != "rows" {
			name, key = "sum of "+what, "sum="+what
		}
		text := fmt.Sprintf("%s: %s, %s in %s", name, groupDigits(here.Number), groupDigits(there.Number), c.With)
		if what == "rows" {
			seen = text
			observed = append(observed, sentinel.Observation{Metric: "row_count", Value: here.Number})
		}
		observed = append(observed, sentinel.Observation{Metric: "difference", Segment: key,
			Value: difference(here.Number, there.Number)})
		if !c.agrees(here.Number, there.Number) {
			findings = append(findings, sentinel.Finding{Key: key, Status: c.Severity.status(), Observed: here.Number,
				Expected: fmt.Sprintf("%s, %s", groupDigits(there.Number), c.Tolerance),
				Message:  text + ", expected " + c.Tolerance.String()})
		}
	}
	r := conclude(kind, findings, seen)
	r.Observations = observed
	for _, server := range []Server{t.Known.Server, t.Known.LikeServer} {
		if server.Place != "" && r.Status.Bad() && !c.coveredBy(server, t) {
			r = incomplete(r, "what "+server.Place+" has")
		}
	}
	r.Evidence = a.of("here rows").Evidence
	return r
}

// coveredBy reports whether a server that checks have moved to has all that is
// compared.
func (c *Reconcile) coveredBy(server Server, t Target) bool {
	asOf := t.Known.Catalog.AsOf
	if c.Bucket == "" {
		return server.covers(asOf, asOf, asOf)
	}
	from, to := c.closed(t)
	return server.covers(from, to, asOf)
}

// agrees compares two values. A sum over no rows (NULL) agrees only with another NULL.
func (c *Reconcile) agrees(a, b sentinel.Number) bool {
	if a.Absent() || b.Absent() {
		return a.Absent() == b.Absent()
	}
	return a.Finite() && b.Finite() && c.Tolerance.holds(a, b)
}

func difference(a, b sentinel.Number) sentinel.Number {
	x, okX := a.Int64()
	y, okY := b.Int64()
	if d := x - y; okX && okY && (d < x) == (y > 0) {
		return sentinel.Int(d)
	}
	if a.Absent() || b.Absent() {
		return sentinel.Number{}
	}
	return sentinel.Float(a.Float64() - b.Float64())
}
