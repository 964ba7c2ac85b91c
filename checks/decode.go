package checks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// decode converts a statement's rows to the answers of its questions.
func (p *planned) decode() {
	for i, q := range p.questions {
		answer := Answer{Err: p.err}
		if p.err == nil {
			switch {
			case q.ask.Aggregate != nil:
				answer = decodeAggregate(p.rows, p.columns[i])
			case q.ask.Groups != nil:
				answer = decodeGroups(p.rows, q.ask.Groups)
			default:
				answer = decodeQuery(p.rows, q.ask.Query, q.from.target.Location)
			}
		}
		if catalog := q.from.target.Known.Catalog; answer.AsOf.IsZero() && catalog != nil {
			answer.AsOf = catalog.AsOf
		}
		q.answer(answer)
	}
}

func decodeAggregate(rows warehouse.Rows, column int) Answer {
	if len(rows) != 1 || len(rows[0]) <= column {
		return Answer{Err: errors.New("the database answered without a row")}
	}
	clock, err := rows[0][0].Number()
	if err != nil {
		return Answer{Err: fmt.Errorf("reading the database's clock: %w", err)}
	}
	n, err := rows[0][column].Number()
	return Answer{Number: n, Err: err, AsOf: seconds(clock),
		Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
}

func decodeGroups(rows warehouse.Rows, g *Groups) Answer {
	a := Answer{Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
	width := max(1, len(g.By))
	var shown int64
	for _, r := range rows {
		segment, err := segmentOf(r[:width], g)
		if err != nil {
			return Answer{Err: err}
		}
		n, err := r[width].Number()
		if err != nil {
			return Answer{Err: err}
		}
		v, _ := n.Int64()
		shown += v
		a.Groups = append(a.Groups, Group{Segment: segment, Count: n, Size: 1})
	}
	if len(rows) == 0 {
		return a
	}
	groups, err := rows[0][width+1].Number()
	if err != nil {
		return Answer{Err: err}
	}
	total, err := rows[0][width+2].Number()
	if err != nil {
		return Answer{Err: err}
	}
	if n, _ := groups.Int64(); int(n) > len(rows) {
		all, _ := total.Int64()
		a.Other = Group{Segment: "other", Count: sentinel.Int(all - shown), Size: int(n) - len(rows)}
	}
	return a
}

// segmentOf returns the name of a group: the values of its columns, or its step of time.
func segmentOf(cells []warehouse.Cell, g *Groups) (string, error) {
	if g.Every > 0 && !cells[0].Null {
		n, err := cells[0].Number()
		return strconv.FormatInt(int64(n.Float64()), 10), err
	}
	parts := make([]string, len(cells))
	for i, c := range cells {
		parts[i] = "<null>"
		if !c.Null {
			parts[i] = c.Text
		}
		if g.Every == 0 {
			parts[i] = g.By[i] + "=" + parts[i]
		}
	}
	return strings.Join(parts, ", "), nil
}

func decodeQuery(rows warehouse.Rows, q *Query, loc *time.Location) Answer {
	a := Answer{Evidence: sentinel.Evidence{Source: "query", Confidence: sentinel.Exact}}
	switch {
	case len(rows) == 0:
		return a // no row: no value
	case len(rows) > 1 || len(rows[0]) != 1:
		return Answer{Err: fmt.Errorf("the query returns %d rows of %d columns: want one number", len(rows), len(rows[0]))}
	}
	c := rows[0][0]
	if !q.Epoch {
		a.Number, a.Err = c.Number()
		return a
	}
	if c.Null {
		return a
	}
	if n, err := c.Number(); err == nil {
		a.Number = n
		return a
	}
	at, err := parseTimestamp(c.Text, loc)
	a.Number, a.Err = sentinel.Float(float64(at.UnixMicro())/1e6), err
	return a
}

var timestampForms = []string{
	"2006-01-02 15:04:05.999999Z07", "2006-01-02 15:04:05.999999Z07:00", "2006-01-02T15:04:05.999999Z07:00",
}

var naiveForms = []string{"2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", time.DateOnly}

// parseTimestamp parses a timestamp of an engine. A text without a zone is in loc.
func parseTimestamp(text string, loc *time.Location) (time.Time, error) {
	for _, form := range timestampForms {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	for _, form := range naiveForms {
		t, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if loc == nil {
			return t, fmt.Errorf("%q has no time zone: set `timezone:` on the check, the dataset or in defaults", text)
		}
		return inZone(t, loc), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a timestamp", text)
}

// seconds converts Unix seconds to an instant, and absent or infinite ones to zero.
func seconds(n sentinel.Number) time.Time {
	if !n.Finite() {
		return time.Time{}
	}
	return time.UnixMicro(int64(n.Float64() * 1e6)).UTC()
}

// inZone reads the wall clock of a UTC time as a wall clock of loc.
func inZone(t time.Time, loc *time.Location) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
}

// naive reports whether a column's times have no zone of their own.
func naive(c *warehouse.Column) bool {
	return c != nil && (c.Type.Family == warehouse.Date || c.Type.Family == warehouse.Timestamp && !c.Type.Zoned)
}
