package oracle_test

import (
	"strings"
)

// rowTally is what the oracle counts in a table or segment.
type rowTally struct{ rows, of, bad int }

// count counts by plain loops.
func (c *columnCheck) count(rows [][]cell) map[string]rowTally {
	out := map[string]rowTally{}
	if c.by == nil {
		out[""] = rowTally{}
	}
	at := columnIndex("at")
	var looked, others [][]cell
	for _, r := range rows {
		switch {
		case c.looked(r) != yes:
		case c.bucket && (r[at] == nil || !strings.HasPrefix(*r[at], "2026-11-29")):
			others = append(others, r)
		default:
			looked = append(looked, r)
		}
	}
	switch {
	case c.missing != nil:
		out[""] = c.countOrphans(looked, rows)
		return out
	case c.key != nil:
		segments := map[string][][]cell{}
		for _, r := range looked {
			segments[segmentName(c.by, r)] = append(segments[segmentName(c.by, r)], r)
		}
		for name, of := range segments {
			if n := c.countKeys(of, others); n.rows > 0 || c.by == nil {
				out[name] = n
			}
		}
		return out
	}
	for _, r := range looked {
		name := segmentName(c.by, r)
		n := out[name]
		n.rows++
		if c.values == "" || r[columnIndex(c.values)] != nil {
			n.of++
		}
		if c.bad(r) == yes {
			n.bad++
		}
		out[name] = n
	}
	return out
}

// segmentName names the segment of a row.
func segmentName(by []string, r []cell) string {
	var names []string
	for _, column := range by {
		value := "<null>"
		if v := r[columnIndex(column)]; v != nil {
			value = *v
		}
		names = append(names, column+"="+value)
	}
	return strings.Join(names, ", ")
}

// countOrphans counts rows whose key is in no other row.
func (c *columnCheck) countOrphans(rows, all [][]cell) (n rowTally) {
	bad := c.missing(all)
	for _, r := range rows {
		if _, ok := c.key(r); ok {
			n.rows++
		}
		if bad(r) == yes {
			n.bad++
		}
	}
	n.of = n.rows
	return n
}

// countKeys counts rows that repeat a key. others are rows whose keys count too, if the check
// looks beyond its bucket.
func (c *columnCheck) countKeys(rows, others [][]cell) (n rowTally) {
	times, there := map[string]int{}, map[string]bool{}
	for _, r := range others {
		if key, ok := c.key(r); ok && c.beyond {
			there[key] = true
		}
	}
	for _, r := range rows {
		if key, ok := c.key(r); ok {
			times[key]++
			n.rows++
		}
	}
	repeated := 0
	for key, k := range times {
		if there[key] {
			k++
		}
		n.bad += k - 1
		if k > 1 {
			repeated++
		}
	}
	if n.of = n.rows; c.keys {
		n.of, n.bad = len(times), repeated
	}
	return n
}
