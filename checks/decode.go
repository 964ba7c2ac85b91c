package checks

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// decode converts a statement's rows to the answers of its questions.
func (p *planned) decode() {
	p.listColumns()
	for i, q := range p.questions {
		answer := Answer{Err: p.err}
		if p.err == nil {
			switch {
			case q.ask.Aggregate != nil:
				answer = decodeAggregate(p.rows, p.columns[i], q.ask.Aggregate)
			case q.ask.Orphans != nil:
				answer = decodeQuery(p.rows, &Query{}, nil)
			case q.ask.Keys != nil:
				answer = decodeKeys(p.rows)
			case q.ask.Compare != nil:
				answer = Answer{Rows: p.rows}
			case q.ask.Cells != nil:
				answer = decodeCells(p.rows, q.ask.Cells)
			case q.ask.Groups != nil:
				answer = p.groups.of(decodeGroups(p.rows, &p.groups.Groups), i)
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

func decodeAggregate(rows warehouse.Rows, column int, a *Aggregate) Answer {
	if len(rows) != 1 || len(rows[0]) <= column { // holdOneRow has counted them
		return Answer{Err: errors.New("the database answered without a row")}
	}
	clock, err := rows[0][0].Number()
	if err != nil {
		return Answer{Err: fmt.Errorf("reading the database's clock: %w", err)}
	}
	n, err := rows[0][column].Number()
	if err == nil && a.Func != "count" {
		n, err = a.Time.instant(n)
	}
	return Answer{Number: n, Err: err, AsOf: seconds(clock),
		Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
}

func decodeGroups(rows warehouse.Rows, g *Groups) Answer {
	a := Answer{Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
	width := len(g.By)
	if g.Every > 0 {
		width++
	}
	var shown int64
	type label struct {
		segment string
		step    int64
	}
	named := make(map[label]bool, len(rows))
	others := make([]int64, len(g.Values))
	for _, r := range rows {
		segment, step, err := groupOf(r[:width], g)
		if err != nil {
			return Answer{Err: err}
		}
		if named[label{segment, step}] {
			return Answer{Err: fmt.Errorf("different values are both written as %s: "+
				"read a view that casts the column of `by:` so that they differ", segment)}
		}
		named[label{segment, step}] = true
		n, err := r[width].Number()
		if err != nil {
			return Answer{Err: err}
		}
		v, _ := n.Int64()
		shown += v
		group := Group{Segment: segment, Step: step, Count: n, Size: 1}
		for i, a := range g.Values {
			v, err := r[width+3+i].Number()
			if err == nil && a.Func != "count" {
				v, err = a.Time.instant(v)
			}
			if err != nil {
				return Answer{Err: err}
			}
			group.Values = append(group.Values, v)
			n, _ := v.Int64()
			others[i] -= n
		}
		a.Groups = append(a.Groups, group)
	}
	if len(rows) == 0 {
		return a
	}
	var err error
	if a.Other, err = otherGroups(rows[0][width+1:], g, len(rows), shown, others); err != nil {
		return Answer{Err: err}
	}
	return a
}

// otherGroups sums up the groups that the answer does not show: nil if it shows all. cells
// begin with the number of groups and the rows of all; shown has the rows of the groups that
// are shown, and others the same of each value, below 0.
func otherGroups(cells []warehouse.Cell, g *Groups, groups int, shown int64, others []int64) (*Group, error) {
	number := func(at int) (int64, error) {
		n, err := cells[at].Number()
		v, _ := n.Int64()
		return v, err
	}
	n, err := number(0)
	if err != nil {
		return nil, err
	}
	total, err := number(1)
	if err != nil || int(n) <= groups {
		return nil, err
	}
	other := &Group{Segment: "other", Count: sentinel.Int(total - shown), Size: int(n) - groups}
	for i := 0; i < len(g.Values) && g.Totals; i++ {
		sum, err := number(2 + len(g.Values) + i)
		if err != nil {
			return nil, err
		}
		other.Values = append(other.Values, sentinel.Int(sum+others[i]))
	}
	return other, nil
}

// groupOf returns the name of a group, which is the values of its columns, and its step of
// time. Without columns the step is the name.
func groupOf(cells []warehouse.Cell, g *Groups) (segment string, step int64, err error) {
	if g.Every > 0 {
		if !cells[0].Null {
			n, err := cells[0].Number()
			if err != nil {
				return "", 0, err
			}
			step = int64(n.Float64())
			segment = strconv.FormatInt(step, 10)
		}
		cells = cells[1:]
	}
	if len(g.By) == 0 {
		return segment, step, nil
	}
	parts := make([]string, len(cells))
	for i, c := range cells {
		parts[i] = g.By[i] + "=" + segmentValue(c, len(cells) > 1)
	}
	return strings.Join(parts, ", "), step, nil
}

// segmentValue writes a value for the name of a segment. It quotes a value that could be
// read as another segment's: different values never get the same name.
func segmentValue(c warehouse.Cell, oneOfSeveral bool) string {
	value := clipValue(c.Text)
	switch {
	case c.Null:
		return "<null>"
	case value == "<null>" || strings.HasPrefix(value, `"`) || oneOfSeveral && strings.Contains(value, ", "):
		return strconv.Quote(value)
	}
	return value
}

// clipValue cuts a long value for the name of a segment. Values that differ keep names
// that differ.
func clipValue(text string) string {
	if !utf8.ValidString(text) {
		text = fmt.Sprintf(`\x%x`, text) // bytes, as PostgreSQL writes them
	}
	if len(text) <= sentinel.LongestText {
		return sentinel.Clip(text)
	}
	digest := fnv.New64a()
	digest.Write([]byte(text)) // never fails
	return fmt.Sprintf("%s #%016x", sentinel.Clip(text), digest.Sum64())
}

func decodeQuery(rows warehouse.Rows, q *Query, loc *time.Location) Answer {
	a := Answer{Evidence: sentinel.Evidence{Source: "query", Confidence: sentinel.Exact}}
	switch {
	case len(rows) == 0:
		return a // no row: no value
	case len(rows) > 1:
		return Answer{Err: errors.New("the query returns more than one row: want one number")}
	case len(rows[0]) != 1:
		return Answer{Err: fmt.Errorf("the query returns %d columns: want one number", len(rows[0]))}
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
		if n.Finite() && (n.Float64() < firstSecond || n.Float64() > lastSecond) {
			a.Err = fmt.Errorf("the query returns %s, which is no time: want a timestamp, or seconds since 1970", n)
		}
		return a
	}
	at, wall, err := parseTimestamp(c.Text, loc)
	a.Number, a.Wall, a.Err = unixSeconds(at), wall, err
	return a
}

var timestampForms = []string{
	"2006-01-02 15:04:05.999999Z07", "2006-01-02 15:04:05.999999Z07:00", "2006-01-02T15:04:05.999999Z07:00",
}

var naiveForms = []string{"2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999"}

// parseTimestamp parses a timestamp of an engine. Without a zone it is what a clock of loc
// showed, written as UTC. A date is the first instant of its day.
func parseTimestamp(text string, loc *time.Location) (at time.Time, wall bool, err error) {
	for _, form := range timestampForms {
		if t, err := time.Parse(form, text); err == nil {
			return t, false, nil
		}
	}
	for _, form := range append(naiveForms, time.DateOnly) {
		t, err := time.Parse(form, text)
		switch {
		case err != nil:
			continue
		case loc == nil:
			return t, false, fmt.Errorf("%q has no time zone: set `timezone:` on the check, the dataset or in defaults", text)
		case form == time.DateOnly:
			return schedule.Periods{Unit: schedule.Day, Zone: loc}.StartOfWall(t), false, nil
		}
		return t, true, nil
	}
	return time.Time{}, false, fmt.Errorf("%q is not a timestamp", sentinel.Clip(text))
}

// seconds converts Unix seconds to an instant, and absent or infinite ones to zero.
func seconds(n sentinel.Number) time.Time {
	if !n.Finite() {
		return time.Time{}
	}
	return time.UnixMicro(int64(n.Float64() * 1e6)).UTC()
}

// unixSeconds is the inverse of seconds.
func unixSeconds(t time.Time) sentinel.Number { return sentinel.Float(float64(t.UnixMicro()) / 1e6) }

// inZone reads the wall clock of a UTC time as a wall clock of loc.
func inZone(t time.Time, loc *time.Location) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
}

// instantsOf returns the first and the last instant at which a clock of loc showed a
// wall-clock time, which is written as UTC. They differ where the clock was set back. A
// time that the clock skipped was not shown: then they are the instants at which it would
// have been, by the offsets after and before the change.
func instantsOf(wall time.Time, loc *time.Location) (first, last time.Time, shown bool) {
	near := inZone(wall, loc)
	var all, real []time.Time
	for _, by := range []time.Duration{-24 * time.Hour, 0, 24 * time.Hour} {
		_, offset := near.Add(by).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(loc)
		if all = append(all, at); schedule.AsWall(at).Equal(wall) {
			real = append(real, at)
		}
	}
	shown = len(real) > 0
	if shown {
		all = real
	}
	slices.SortFunc(all, time.Time.Compare)
	return all[0], all[len(all)-1], shown
}
