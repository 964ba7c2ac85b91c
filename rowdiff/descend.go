package rowdiff

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// MostLevels is the largest number of statements a side. Keys of 64 bits are divided by 1024
// and then by 64 or more, which is ten levels. One more reads the rows.
const MostLevels = 14

// leastParts is into how many parts a segment is divided at least, as a part of Config.Parts.
const leastParts = 16

// Answer is what both tables answered to a step.
type Answer [2]warehouse.Rows

// descent is what is known after some answers.
type descent struct {
	*Comparison
	step    Step
	open    []Segment // differ and have rows on both sides
	lone    []Segment // have rows on one side alone
	result  Result
	settled bool
}

// Next returns the next step after the answers so far, or the result if there is none.
func (c *Comparison) Next(answers []Answer) (*Step, *Result, error) {
	d := &descent{Comparison: c}
	d.result = Result{Exact: c.exact(), ChangedIn: make([]int64, len(c.columns))}
	d.step = Step{Level: 1, Whole: c.ranges, Shift: log2(c.Parts)}
	for _, answer := range answers {
		if d.step.Rows {
			if err := d.compareRows(answer); err != nil {
				return nil, nil, err
			}
			return nil, &d.result, nil
		}
		if err := d.take(answer); err != nil {
			return nil, nil, err
		}
		if d.settled {
			return nil, &d.result, nil
		}
	}
	if d.step.Level > MostLevels {
		return nil, nil, errors.New("the segments could not be divided further")
	}
	return &d.step, nil, nil
}

// group is a segment as one table answered.
type group struct {
	count     int64
	sum       string
	low, high int64 // of the keys of a range
}

// span is the difference of the largest and the smallest key of two groups with rows.
func span(a, b group) uint64 { return uint64(max(a.high, b.high)) - uint64(min(a.low, b.low)) }

// take compares the segments of both tables, and plans the next step.
func (d *descent) take(answer Answer) error {
	sides, shift, err := d.read(answer)
	if err != nil {
		return err
	}
	d.open = nil
	first := d.step.Level == 1
	for at := range union(sides) {
		here, there := sides[Here][at], sides[There][at]
		if first {
			d.result.Rows[Here] += here.count
			d.result.Rows[There] += there.count
		}
		if here.count == there.count && here.sum == there.sum {
			continue
		}
		segment := Segment{Shift: shift, At: at, count: [2]int64{here.count, there.count}, span: span(here, there)}
		if here.count == 0 || there.count == 0 {
			d.lone = append(d.lone, segment)
			continue
		}
		d.open = append(d.open, segment)
	}
	for _, list := range [][]Segment{d.open, d.lone} {
		slices.SortFunc(list, func(a, b Segment) int { return cmp.Compare(a.At, b.At) })
	}
	d.plan(shift)
	return nil
}

// union iterates over the segments that one of the sides has.
func union(sides [2]map[int64]group) map[int64]bool {
	all := map[int64]bool{}
	for _, side := range sides {
		for at := range side {
			all[at] = true
		}
	}
	return all
}

// read decodes the groups of both sides, and makes their ranges equally wide.
func (d *descent) read(answer Answer) (sides [2]map[int64]group, shift int, err error) {
	shift = d.step.Shift
	var shifts [2]int
	for s, rows := range answer {
		shifts[s] = shift
		if sides[s], shifts[s], err = d.readSide(Side(s), rows); err != nil {
			return sides, 0, err
		}
	}
	if !d.step.Whole {
		return sides, shift, nil
	}
	shift = max(shifts[Here], shifts[There])
	for s := range sides {
		if sides[s], err = widen(sides[s], shift-shifts[s]); err != nil {
			return sides, 0, err
		}
	}
	return sides, shift, nil
}

// readSide decodes the groups of one side. Rows without a key are counted apart.
func (d *descent) readSide(s Side, rows warehouse.Rows) (map[int64]group, int, error) {
	groups, shift := make(map[int64]group, len(rows)), 0
	for _, row := range rows {
		if len(row) != 4 && !(d.ranges && len(row) == 6) {
			return nil, 0, errors.New("the database answered with other columns than were asked for")
		}
		count, err := strconv.ParseInt(row[1].Text, 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("the number of rows of a segment: %w", err)
		}
		if shift, err = strconv.Atoi(row[3].Text); err != nil || shift < 0 || shift > 63 {
			return nil, 0, fmt.Errorf("%q is no width of a segment", row[3].Text)
		}
		if row[0].Null {
			d.result.NullKeys[s] += count
			continue
		}
		at, err := strconv.ParseInt(row[0].Text, 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("the number of a segment: %w", err)
		}
		g := group{count: count, sum: row[2].Text}
		if d.ranges {
			var errHigh error
			g.low, err = strconv.ParseInt(row[4].Text, 10, 64)
			g.high, errHigh = strconv.ParseInt(row[5].Text, 10, 64)
			if err = errors.Join(err, errHigh); err != nil {
				return nil, 0, fmt.Errorf("the keys of a segment: %w", err)
			}
		}
		groups[at] = g
	}
	return groups, shift, nil
}

// widen joins ranges into such as are 2^by times as wide.
func widen(groups map[int64]group, by int) (map[int64]group, error) {
	if by == 0 {
		return groups, nil
	}
	sums := map[int64]*decimalSum{}
	for at, g := range groups {
		wide := at >> by
		if sums[wide] == nil {
			sums[wide] = &decimalSum{low: g.low, high: g.high}
		}
		if err := sums[wide].add(g); err != nil {
			return nil, err
		}
	}
	out := make(map[int64]group, len(sums))
	for at, sum := range sums {
		out[at] = sum.group()
	}
	return out, nil
}

// plan decides the next step.
func (d *descent) plan(shift int) {
	d.step.Level++
	d.step.Whole = false
	if len(d.open) > d.Most {
		d.leave(d.open[d.Most:])
		d.open = d.open[:d.Most]
	}
	rows := int64(0)
	for _, s := range d.open {
		rows += max(s.count[Here], s.count[There])
	}
	next := d.divided(shift)
	switch {
	case d.result.NullKeys != [2]int64{}:
		d.settled = true
	case rows > int64(max(d.Few, 4*len(d.open))) && next != shift:
		d.step.Shift, d.step.Segments = next, d.open
	default:
		d.readRest()
	}
}

// divided returns the shift of the parts of the open segments.
func (d *descent) divided(shift int) int {
	parts := log2(max(d.Parts/max(1, len(d.open)), d.Parts/leastParts, 2))
	if d.ranges { // the keys may lie close together
		widest := uint64(0)
		for _, s := range d.open {
			widest = max(widest, s.span)
		}
		return max(0, min(shift, bits.Len64(widest))-parts)
	}
	return min(hashBits, shift+parts)
}

// leave counts segments that are not followed.
func (d *descent) leave(segments []Segment) {
	for _, s := range segments {
		d.result.Unread++
		d.result.UnreadRows += s.count[Here] + s.count[There]
	}
}

// readRest plans to read the rows of the open segments, and of as many lone ones as have to
// be named. The others are counted.
func (d *descent) readRest() {
	segments, room := slices.Clone(d.open), d.Name
	for _, s := range d.lone {
		n := s.count[Here] + s.count[There]
		if room > 0 && n <= mostRows/2 {
			segments = append(segments, s)
			room -= int(n)
			continue
		}
		d.result.Extra += s.count[Here]
		d.result.Missing += s.count[There]
	}
	d.settled = len(segments) == 0
	d.step = Step{Level: d.step.Level, Rows: true, Segments: segments}
}
