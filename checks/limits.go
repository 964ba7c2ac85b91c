package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Limit is a threshold on the number of a check, as a chart draws it.
type Limit struct {
	Status sentinel.Status // of what is beyond it
	At     float64         // in units of the number
	Words  string          // the condition: "> 5", "at most 6h"
}

// Limits returns the thresholds of a check's own number. What is not a number of its unit, such
// as a change in percent, is left out.
func Limits(c Check) []Limit {
	if l, ok := c.(interface{ limits() []Limit }); ok {
		return l.limits()
	}
	return nil
}

func (f *Freshness) limits() (out []Limit) {
	for _, l := range []struct {
		status sentinel.Status
		age    Duration
	}{{sentinel.Warn, f.Warn}, {sentinel.Fail, f.Fail}} {
		if l.age > 0 {
			out = append(out, Limit{l.status, time.Duration(l.age).Seconds(), "at most " + l.age.String()})
		}
	}
	return out
}

func (c *RowCount) limits() []Limit       { return boundLimits(c.Warn, c.Fail) }
func (c *SQL) limits() []Limit            { return boundLimits(c.Warn, c.Fail) }
func (c *AggregateCheck) limits() []Limit { return boundLimits(c.Warn, c.Fail) }
func (c *Distribution) limits() []Limit   { return boundLimits(c.Warn, c.Fail) }
func (b *BadRows) limits() []Limit        { return boundLimits(b.Warn, b.Fail) }

// Bounds are the conditions of a check's own number.
type Bounds struct {
	Warn, Fail Bound
	Rows       bool // the number is one of rows: whole and not negative
}

// BoundsOf returns the conditions of a check's own number; false if it has none.
func BoundsOf(c Check) (Bounds, bool) {
	b, ok := c.(interface{ bounds() Bounds })
	if !ok {
		return Bounds{}, false
	}
	return b.bounds(), true
}

func (c *RowCount) bounds() Bounds       { return Bounds{c.Warn, c.Fail, true} }
func (c *SQL) bounds() Bounds            { return Bounds{c.Warn, c.Fail, false} }
func (c *AggregateCheck) bounds() Bounds { return Bounds{c.Warn, c.Fail, false} }
func (c *Distribution) bounds() Bounds   { return Bounds{c.Warn, c.Fail, false} }
func (b *BadRows) bounds() Bounds        { return Bounds{b.Warn, b.Fail, true} }

func boundLimits(warn, fail Bound) (out []Limit) {
	for _, l := range []struct {
		status sentinel.Status
		bound  Bound
	}{{sentinel.Warn, warn}, {sentinel.Fail, fail}} {
		if l.bound.Op == "" || l.bound.Percent {
			continue
		}
		out = append(out, Limit{l.status, l.bound.Low.Float64(), l.bound.String()})
		if !l.bound.High.Absent() {
			out = append(out, Limit{l.status, l.bound.High.Float64(), l.bound.String()})
		}
	}
	return out
}
