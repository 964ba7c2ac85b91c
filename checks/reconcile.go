package checks

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("reconcile", func() Check { return &Reconcile{} }) }

// Reconcile compares a table with another one that must have the same rows, in the same
// warehouse or another. It compares the number of rows and the sums of columns. With a key it
// compares the rows themselves.
type Reconcile struct {
	Options   `yaml:",inline"`
	With      *sentinel.Table `yaml:"with" required:"true" doc:"The other table: warehouse.schema.table."`
	Tolerance Tolerance       `yaml:"tolerance" doc:"Allowed difference: \"1%\" or \"100\". Default: none."`
	Sum       []string        `yaml:"sum" doc:"Columns whose sums must agree too."`
	ByRows    `yaml:",inline"`
	Bucketed  `yaml:",inline"`
	OnMissing Policy `yaml:"on_missing_table" default:"fail" doc:"Result when a table does not exist."`
	Severity  Policy `yaml:"severity" default:"fail" doc:"Result of a difference."`
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
	return errors.Join(c.validateRows(), c.validateBucket())
}

// Times implements [TimedCheck].
func (c *Reconcile) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *Reconcile) Needs(t Target) Needs {
	n := Needs{Column: c.timeColumnName(t), Columns: c.Sum, Like: c.With}
	if len(c.Key) > 0 {
		n.Facts, n.LikeFacts = warehouse.Columns, warehouse.Columns
	}
	return n
}

// Ask implements Check. It asks both tables the same questions.
func (c *Reconcile) Ask(t Target, a Answers) []Ask {
	if t.Known.Relation == nil || t.Known.Like == nil || cmp.Or(c.timeError(t), c.sumTypeError(t)) != nil {
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
		asks = append(asks, unreadableAsks(prefix, window.Time, c.Where, side.of)...)
		asks = append(asks, gapAsks(prefix, window, c.Where, side.of)...)
		asks = append(asks, partialAsks(prefix, window, c.Where, side.of)...)
		if len(c.Key) > 0 {
			continue
		}
		asks = append(asks, Ask{Key: prefix + "rows", Of: side.of,
			Aggregate: &Aggregate{Func: "count", Where: c.Where, Window: window}})
		for _, column := range c.Sum {
			asks = append(asks, c.sumAsks(t, side.rel, column, prefix)...)
		}
	}
	if len(c.Key) > 0 {
		asks = append(asks, c.askRows(t, a, 0)...)
	}
	return asks
}

// timeError returns why the time column of a table cannot be used, if one is needed.
func (c *Reconcile) timeError(t Target) error {
	if c.Bucket == "" {
		return nil
	}
	for _, rel := range []*warehouse.Table{t.Known.Relation, t.Known.Like} {
		if _, err := c.source(t, rel, c.Bucket); err != nil {
			return err
		}
	}
	return nil
}

// timesError returns why the times of a table cannot be used, if they are needed: also
// that some of them are no times.
func (c *Reconcile) timesError(t Target, a Answers) error {
	if c.Bucket == "" {
		return nil
	}
	here, err := c.source(t, t.Known.Relation, c.Bucket)
	if err == nil {
		err = cmp.Or(unreadableError("here ", here, a), partialError("here ", here, a))
	}
	if err != nil {
		return err
	}
	there, err := c.source(t, t.Known.Like, c.Bucket)
	if err == nil {
		err = cmp.Or(unreadableError("there ", there, a), partialError("there ", there, a))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.With, err)
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
	if err := cmp.Or(c.timesError(t, a), c.sumTypeError(t)); err != nil {
		return errorResult(kind, err)
	}
	r := c.judgeRowsOrNumbers(t, a)
	for _, server := range t.servers() {
		if server.Place != "" && r.Status.Bad() && !c.coveredBy(server, t) {
			r = incomplete(r, "what "+server.Place+" has")
		}
	}
	if r.Status == sentinel.Error {
		return r
	}
	return c.withGaps(t, a, r)
}

func (c *Reconcile) judgeRowsOrNumbers(t Target, a Answers) sentinel.Result {
	if len(c.Key) > 0 {
		return c.judgeRows(t, a)
	}
	return c.judgeNumbers(t, a)
}

// judgeNumbers compares the numbers of rows and the sums.
func (c *Reconcile) judgeNumbers(t Target, a Answers) sentinel.Result {
	const kind = "reconcile"
	var findings []sentinel.Finding
	var observed []sentinel.Observation
	seen := ""
	for _, what := range append([]string{"rows"}, c.Sum...) {
		here, there := a.of("here "+what), a.of("there "+what)
		if there.Err != nil {
			there.Err = fmt.Errorf("%s: %w", c.With, there.Err)
		}
		if err := cmp.Or(here.Err, there.Err); err != nil {
			return errorResult(kind, c.window(t, t.Known.Relation).Time.explain(err))
		}
		if err := c.sumError(t, what, a); err != nil {
			return errorResult(kind, err)
		}
		name, key := what, ""
		if what != "rows" {
			name, key = "sum of "+what, "sum="+what
		}
		ours, theirs := apart(here.Number, there.Number)
		text := fmt.Sprintf("%s: %s, %s in %s", name, ours, theirs, c.With)
		if what == "rows" {
			seen = text
			observed = append(observed, sentinel.Observation{Metric: "row_count", Value: here.Number})
		}
		observed = append(observed, sentinel.Observation{Metric: "difference", Segment: key,
			Value: difference(here.Number, there.Number)})
		if rounding := c.rounding(t, what, a); !c.agrees(here.Number, there.Number, rounding) {
			allowed := c.Tolerance.String() + roundingText(rounding)
			findings = append(findings, sentinel.Finding{Key: key, Status: c.Severity.status(), Observed: here.Number,
				Expected: fmt.Sprintf("%s, %s", theirs, allowed),
				Message:  text + ", expected " + allowed})
		}
	}
	r := conclude(kind, findings, seen)
	r.Observations = observed
	r.Evidence = a.of("here rows").Evidence
	return r
}

// withGaps tells of rows of both tables at times that the clock never showed.
func (c *Reconcile) withGaps(t Target, a Answers, r sentinel.Result) sentinel.Result {
	here, err := t.inGaps("here ", c.window(t, t.Known.Relation), a)
	if err != nil {
		return errorResult(r.Kind, err)
	}
	there, err := t.inGaps("there ", c.window(t, t.Known.Like), a)
	if err != nil {
		return errorResult(r.Kind, fmt.Errorf("%s: %w", c.With, err))
	}
	if there != "" {
		there = c.With.String() + ": " + there
	}
	return noted(noted(r, here), there)
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
