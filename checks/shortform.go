package checks

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
)

var shortFreshness = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^freshness\s*(?:\(\s*([^)]+?)\s*\)|using\s+(\S+))\s*<=?\s*(\S+)$`)
})

var shortColumn = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(missing|invalid|duplicate)_(count|percent)\s*\(\s*([^()]+?)\s*\)\s*(.*)$`)
})

var shortReference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^values in \(\s*([^()]+?)\s*\) must exist in (\S+)\s*\(\s*([^()]+?)\s*\)$`)
})

// columnList splits a, b.
func columnList(text string) []string {
	columns := strings.Split(text, ",")
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	return columns
}

// referenceForm reads values in (a) must exist in w.s.t (b); nil if it is none.
func referenceForm(text string) (Check, error) {
	m := shortReference().FindStringSubmatch(text)
	if m == nil {
		return nil, nil
	}
	to, err := sentinel.ParseTable(m[2])
	if err != nil {
		return nil, err
	}
	return &Reference{Columns: columnList(m[1]), To: &to, Field: columnList(m[3])}, nil
}

var shortAggregate = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(avg|min|max|sum|stddev|variance|median|percentile|distinct_count|distinct_percent|` +
		`count_true|zero_percent|(?:avg|min|max)_length)\s*\(\s*([^()]+?)\s*\)\s*(.+)$`)
})

// aggregateForm reads avg(amount) > 10; nil if it is none.
func aggregateForm(text string) (Check, error) {
	m := shortAggregate().FindStringSubmatch(text)
	if m == nil {
		return nil, nil
	}
	b, err := ParseBound(m[3])
	if err != nil {
		return nil, err
	}
	c := &AggregateCheck{Function: Function(m[1]), Column: m[2], Fail: b.Not()}
	if c.Function != "percentile" {
		return c, nil
	}
	column, part, _ := strings.Cut(m[2], ",")
	c.Column = strings.TrimSpace(column)
	if c.Percentile, err = strconv.ParseFloat(strings.TrimSpace(part), 64); err != nil {
		return nil, fmt.Errorf("check %q: want the column and which percentile, such as percentile(%s, 0.95)", text, c.Column)
	}
	return c, nil
}

// Percenter is a check whose bounds may be shares.
type Percenter interface {
	// InPercent makes shares of its bounds.
	InPercent()
}

// InPercent implements [Percenter].
func (b *BadRows) InPercent() { b.Warn.Percent, b.Fail.Percent = b.Warn.Set(), b.Fail.Set() }

// InPercent implements [Percenter]. SodaCL's share of invalid values is one of all rows.
func (c *Invalid) InPercent() {
	c.BadRows.InPercent()
	c.Of = "rows"
}

// columnForm reads missing_count(email) = 0 and its like; nil if it is none.
func columnForm(text string) (kind string, c Check, err error) {
	m := shortColumn().FindStringSubmatch(text)
	if m == nil {
		return "", nil, nil
	}
	var bad Bound
	if m[4] != "" {
		b, err := ParseBound(m[4])
		if err != nil {
			return "", nil, err
		}
		if b.Percent && m[2] == "count" {
			return "", nil, fmt.Errorf("check %q: a count is no percentage: write %s_percent", text, m[1])
		}
		bad = b.Not()
	}
	rows := BadRows{Fail: bad}
	switch m[1] {
	case "missing":
		c = &Missing{Column: m[3], BadRows: rows}
	case "invalid":
		c = &Invalid{Column: m[3], BadRows: rows}
	case "duplicate":
		c = &Duplicate{Columns: columnList(m[3]), BadRows: rows}
	}
	if p, ok := c.(Percenter); ok && m[2] == "percent" {
		p.InPercent()
	}
	return m[1], c, nil
}

// ShortForm reads a kind's name alone, and SodaCL's one-line checks, which say
// what must be true:
//
//	missing_percent(email) < 1%
//	row_count > 0
//	row_count between 10 and 1000
//	freshness(created_at) < 1d6h
func ShortForm(s string) (kind string, c Check, err error) {
	if kinds.Has(s) {
		c, err := New(s)
		return s, c, err
	}
	text := strings.TrimSpace(s)
	if rest, is := strings.CutPrefix(text, "row_count"); is {
		if rest = strings.TrimLeft(rest, blanks); rest != "" && !strings.Contains(rest, "\n") {
			b, err := ParseBound(rest)
			if err != nil {
				return "", nil, err
			}
			return "row_count", &RowCount{Fail: b.Not()}, nil
		}
	}
	if strings.HasPrefix(text, "freshness") {
		if m := shortFreshness().FindStringSubmatch(text); m != nil {
			d, err := ParseDuration(m[3])
			if err != nil {
				return "", nil, err
			}
			return "freshness", &Freshness{Column: m[1] + m[2], Fail: d}, nil
		}
	}
	if kind, c, err := columnForm(text); c != nil || err != nil {
		return kind, c, err
	}
	if c, err := aggregateForm(text); c != nil || err != nil {
		return "aggregate", c, err
	}
	if c, err := referenceForm(text); c != nil || err != nil {
		return "reference", c, err
	}
	return "", nil, fmt.Errorf("check %q: want `row_count > 0`, `row_count between 10 and 1000`, `missing_count(column) = 0`, "+
		"`freshness(column) < 1d`, or one of %s with its fields", s, strings.Join(Kinds(), ", "))
}
