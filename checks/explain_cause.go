package checks

import (
	"cmp"
	"math"
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// explainedGroup counts the rows of one combination of values that a check looked at.
type explainedGroup struct {
	values []warehouse.Cell // of the columns, as texts
	counts
	first, last float64 // smallest and largest time of its bad rows in Unix seconds; NaN if there is none
}

// condition is that a column has a value.
type condition struct {
	column int
	value  warehouse.Cell
}

// cause is what sets the bad rows apart: conditions that all hold for most of them.
type cause struct {
	conditions []condition
	counts     // of the rows for which the conditions hold
}

const (
	// fewestBad is how many bad rows must have something in common before it is a cause.
	fewestBad = 5
	// leastLift is how many times as frequent bad rows must be among those rows as among
	// the others.
	leastLift = 3
	// mostConditions is how many conditions a cause may have.
	mostConditions = 3
	// surprise is the natural logarithm of 1,000: what bad rows have in common by chance at
	// most once in so many tables is none.
	surprise = 6.907755278982137
)

// counts are numbers of rows, and of bad ones among them. Where keys repeat, kin are all rows of
// such keys, and bad are those beyond the first of each. Elsewhere kin is bad.
type counts struct{ rows, bad, kin int64 }

func (n counts) plus(m counts) counts  { return counts{n.rows + m.rows, n.bad + m.bad, n.kin + m.kin} }
func (n counts) minus(m counts) counts { return counts{n.rows - m.rows, n.bad - m.bad, n.kin - m.kin} }

// apart reports whether bad rows are so much more frequent in a part than in the rest of the
// whole that it is no chance, tries being the number of parts that were looked at. score says
// how surprising the part is.
//
// If the bad rows were drawn from the whole at random, the part would have so many of them
// with a probability of at most exp(-bad*D), where D is the divergence of the part's share of
// the bad rows from its share of all rows (W. Hoeffding, Probability inequalities for sums of
// bounded random variables, 1963, theorems 1 and 4).
//
// Which row of a key is the first is no chance: where rows come in the order of time, late parts
// have more of the others. So there all rows of such keys must be that surprising, too. They are
// at least two a key, and count as one.
func (whole counts) apart(part counts, tries int) (score float64, ok bool) {
	rest := whole.minus(part)
	if part.bad < fewestBad || rest.rows <= 0 || rest.bad < 0 ||
		float64(part.bad)*float64(rest.rows) < leastLift*float64(rest.bad)*float64(part.rows) {
		return 0, false
	}
	chance := surprise + math.Log(float64(max(tries, 1)))
	q := float64(part.rows) / float64(whole.rows)
	score = surpriseOf(part.bad, whole.bad, q)
	return score, score > chance && (whole.kin == whole.bad || surpriseOf(part.kin, whole.kin, q) > 2*chance)
}

// surpriseOf is the negative logarithm of the bound for some of n rows in a part with a share q of
// all rows; 0 if they are no more than expected.
func surpriseOf(some, n int64, q float64) float64 {
	p := float64(some) / float64(n)
	if p <= q {
		return 0
	}
	divergence := p * math.Log(p/q)
	if p < 1 {
		divergence += (1 - p) * math.Log((1-p)/(1-q))
	}
	return float64(n) * divergence
}

// covers reports whether a part has at least a share of the bad rows, in percent.
func (whole counts) covers(part counts, percent int64) bool { return 100*part.bad >= percent*whole.bad }

func total(groups []explainedGroup) (n counts) {
	for _, g := range groups {
		n = n.plus(g.counts)
	}
	return n
}

// findCause returns what sets the bad rows apart by the values of some columns; no condition
// if nothing does. A cause covers half of the bad rows. One condition suffices if it sets
// them apart; another one is added if it narrows the rows and keeps four of five bad ones.
func findCause(groups []explainedGroup, columns []int) cause {
	whole := total(groups)
	found := bestOf(whole, combinations(groups, columns, 1), 50)
	if found.conditions == nil {
		found = bestOf(whole, combinations(groups, columns, 2), 50)
	}
	for found.conditions != nil && len(found.conditions) < mostConditions {
		within := slices.DeleteFunc(slices.Clone(groups), func(g explainedGroup) bool { return !found.holds(g) })
		others := slices.DeleteFunc(slices.Clone(columns), func(c int) bool {
			return slices.ContainsFunc(found.conditions, func(of condition) bool { return of.column == c })
		})
		narrower := bestOf(total(within), combinations(within, others, 1), 80)
		if narrower.conditions == nil || !whole.covers(counts{bad: narrower.bad}, 50) {
			break
		}
		narrower.conditions = append(slices.Clip(found.conditions), narrower.conditions...)
		found = narrower
	}
	slices.SortFunc(found.conditions, func(a, b condition) int {
		return cmp.Compare(slices.Index(columns, a.column), slices.Index(columns, b.column))
	})
	return found
}

// holds reports whether all conditions hold for the rows of a group.
func (c cause) holds(g explainedGroup) bool {
	for _, of := range c.conditions {
		if g.values[of.column] != of.value {
			return false
		}
	}
	return true
}

// pair is the key of up to two conditions.
type pair struct{ a, b condition }

// combinations counts the rows for which each condition holds, or with size 2 each two of them.
func combinations(groups []explainedGroup, columns []int, size int) (out map[pair]counts) {
	out = map[pair]counts{}
	for i, a := range columns {
		for k, b := range columns {
			if size == 1 && i != k || size == 2 && i >= k {
				continue
			}
			for _, g := range groups {
				key := pair{a: condition{a, g.values[a]}}
				if size == 2 {
					key.b = condition{b, g.values[b]}
				} else {
					key.b.column = -1
				}
				out[key] = out[key].plus(g.counts)
			}
		}
	}
	return out
}

// bestOf returns the part that is the most surprising of those which set a share of the bad
// rows apart; the first one of equally surprising ones.
func bestOf(whole counts, parts map[pair]counts, percent int64) (best cause) {
	var score float64
	var of pair
	for key, n := range parts {
		if !whole.covers(n, percent) {
			continue
		}
		s, ok := whole.apart(n, len(parts))
		if !ok || best.conditions != nil && (s < score || s == score && !key.before(of)) {
			continue
		}
		score, of = s, key
		best = cause{conditions: []condition{key.a}, counts: n}
		if key.b.column >= 0 {
			best.conditions = append(best.conditions, key.b)
		}
	}
	return best
}

// before orders conditions, so that the result does not depend on the order of rows.
func (p pair) before(q pair) bool { return cmp.Or(p.a.compare(q.a), p.b.compare(q.b)) < 0 }

func (c condition) compare(d condition) int {
	null := func(cell warehouse.Cell) int {
		if cell.Null {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(c.column, d.column), cmp.Compare(null(c.value), null(d.value)),
		cmp.Compare(c.value.Text, d.value.Text))
}

// evenly returns the columns over whose values the bad rows are spread as all rows are: where
// 20 bad rows are expected of a value, half as many to twice as many are there, and few rows
// have other values. A column of one value says nothing.
func evenly(groups []explainedGroup, columns []int) (out []int) {
	whole := total(groups)
	for _, c := range columns {
		judged, values, even := int64(0), 0, true
		for _, n := range combinations(groups, []int{c}, 1) {
			expected := float64(n.rows) * float64(whole.bad) / float64(whole.rows)
			if expected >= 20 {
				judged, values = judged+n.rows, values+1
				even = even && float64(n.bad) >= expected/2 && float64(n.bad) <= expected*2
			}
		}
		if even && values > 1 && 100*judged >= 95*whole.rows && whole.bad > 0 {
			out = append(out, c)
		}
	}
	return out
}
