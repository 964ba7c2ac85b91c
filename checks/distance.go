package checks

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// compared are two distributions over the same cells.
type compared struct {
	cells           []comparedCell
	rows, reference int64
	fixed           bool // the reference is configured, and no sample
	ordered         bool // the cells are in the order of their numbers
}

// comparedCell has the rows of one cell.
type comparedCell struct {
	name      string // value; "NULL", "other", or the number of a cell
	number    float64
	kind      int     // 0 for values, 1 for NULL, 2 for the others together
	rows      int64   // that are judged
	reference int64   // of the reference
	share     float64 // of the reference, if it is fixed
}

// finite reports whether the values of a cell of numbers are finite.
func (c comparedCell) finite() bool { return math.Abs(c.number) < infiniteCell }

// mostCategories is how many values are compared; all others are one.
const mostCategories = 100

// fewestExpected is how many rows a cell must have on both sides if both were as the one is on
// which it is more frequent. Cells with fewer are joined: the distribution of the test would not hold (W. G. Cochran, The chi-square
// test of goodness of fit, 1952, wants 5; 20 were needed here in simulations).
const fewestExpected = 20

// newCompared reads the groups of a Cells answer.
func newCompared(groups []Group, cells *Cells, against *Against) *compared {
	numbers := cells.Numbers
	d := &compared{fixed: len(against.Values) > 0, ordered: numbers}
	at := map[string]int{}
	cell := func(segment string) *comparedCell {
		i, known := at[segment]
		if !known {
			i = len(d.cells)
			at[segment] = i
			c := comparedCell{name: strings.TrimPrefix(segment, "=")}
			if segment == "" {
				c.name, c.kind = "NULL", 1
			}
			if numbers {
				c.number, _ = strconv.ParseFloat(c.name, 64)
			}
			d.cells = append(d.cells, c)
		}
		return &d.cells[i]
	}
	for _, g := range groups {
		n, _ := g.Count.Int64() // a count is an integer
		if d.fixed && g.Segment != "" {
			g.Segment = "=" + categoryOf(&cells.Column, strings.TrimPrefix(g.Segment, "="))
		}
		if c := cell(g.Segment); g.Step == 1 {
			c.rows += n
			d.rows += n
		} else {
			c.reference += n
			d.reference += n
		}
	}
	if d.fixed {
		d.fix(against, &cells.Column, cell)
	}
	slices.SortFunc(d.cells, func(a, b comparedCell) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.number, b.number), cmp.Compare(a.name, b.name))
	})
	return d
}

// fix sets the configured shares. Values without one are joined.
func (d *compared) fix(against *Against, column *warehouse.Column, cell func(string) *comparedCell) {
	shares, err := against.sharesOf(column)
	if err != nil {
		return // Validate refuses it
	}
	other := comparedCell{name: "other", kind: 2, share: 1}
	for value, share := range shares {
		segment := ""
		if value != nullShare {
			segment = "=" + value
		}
		cell(segment).share = share
		other.share -= share
	}
	other.share = max(other.share, 0)
	d.cells = slices.DeleteFunc(d.cells, func(c comparedCell) bool {
		name := c.name
		if c.kind == 1 {
			name = nullShare
		}
		if _, known := shares[name]; known && (c.kind == 1 || c.kind == 0 && name != nullShare) {
			return false
		}
		other.rows += c.rows
		return true
	})
	d.cells = append(d.cells, other)
}

// now and before return the shares of a cell.
func (d *compared) now(c comparedCell) float64 { return float64(c.rows) / float64(d.rows) }

func (d *compared) before(c comparedCell) float64 {
	if d.fixed {
		return c.share
	}
	return float64(c.reference) / float64(d.reference)
}

// spread is 1/n + 1/m for samples of n and m rows; a fixed distribution is no sample.
func (d *compared) spread() float64 {
	if d.fixed {
		return 1 / float64(d.rows)
	}
	return 1/float64(d.rows) + 1/float64(d.reference)
}

// pooled is the share of a cell if both sides were alike.
func (d *compared) pooled(c comparedCell) float64 {
	if d.fixed {
		return c.share
	}
	return float64(c.rows+c.reference) / float64(d.rows+d.reference)
}

// thin reports whether a cell has too few rows to be compared by itself, whichever side it is
// more frequent on.
func (d *compared) thin(c comparedCell) bool {
	n := d.rows
	if !d.fixed {
		n = min(n, d.reference)
	}
	return max(d.now(c), d.before(c))*float64(n) < fewestExpected
}

// distance returns the distance of the two distributions, and whether chance makes it of
// so few rows: more often than once in a thousand times.
func (d *compared) distance(method string) (distance float64, chance bool) {
	switch method {
	case "ks":
		return d.kolmogorov()
	case "max_share":
		return d.maxShare()
	}
	cells := d.joined()
	var js, psi float64
	for _, c := range cells {
		// Half a row keeps logarithms finite, and does not matter where cells are not thin.
		p := (float64(c.rows) + 0.5) / (float64(d.rows) + 0.5*float64(len(cells)))
		q := c.share
		if !d.fixed {
			q = (float64(c.reference) + 0.5) / (float64(d.reference) + 0.5*float64(len(cells)))
		}
		q = max(q, 1e-9)
		psi += (p - q) * math.Log(p/q)
		p, q = d.now(c), d.before(c)
		js += entropyTerm(p, (p+q)/2) + entropyTerm(q, (p+q)/2)
	}
	// Without a change PSI / (1/n + 1/m) is chi-squared with one degree less than cells
	// (B. Yurdakul, Statistical Properties of Population Stability Index, 2018).
	chance = len(cells) < 2 || psi/d.spread() <= chiSquared999(len(cells)-1)
	if method == "psi" {
		return psi, chance
	}
	// The root of the divergence in bits is a metric (D. M. Endres and J. E. Schindelin, A
	// new metric for probability distributions, 2003).
	return math.Sqrt(max(js, 0) / 2), chance
}

func entropyTerm(p, m float64) float64 {
	if p == 0 {
		return 0
	}
	return p * math.Log2(p/m)
}

// chiSquared999 is the quantile of 99.9 % of chi-squared (E. B. Wilson and M. M. Hilferty, The
// distribution of chi-square, 1931). It is a little too large for one degree of freedom.
func chiSquared999(degrees int) float64 {
	k := float64(degrees)
	return k * math.Pow(1-2/(9*k)+3.0902323*math.Sqrt(2/(9*k)), 3)
}

// joined returns the cells so that none is thin: numbers by tenths of the reference, the least
// frequent categories as one.
func (d *compared) joined() (out []comparedCell) {
	add := func(to *comparedCell, c comparedCell) {
		to.rows, to.reference, to.share = to.rows+c.rows, to.reference+c.reference, to.share+c.share
	}
	if d.ordered {
		open, sum := comparedCell{}, int64(0)
		values := slices.DeleteFunc(
			slices.Clone(d.cells),
			func(c comparedCell) bool { return c.kind != 0 || !c.finite() },
		)
		for i, c := range values {
			add(&open, c)
			sum += c.reference
			full := 10*sum >= d.reference*int64(len(out)+1) && !d.thin(open)
			if full || i == len(values)-1 {
				out, open = append(out, open), comparedCell{}
			}
		}
		if n := len(out); n > 1 && d.thin(out[n-1]) {
			add(&out[n-2], out[n-1])
			out = out[:n-1]
		}
	}
	rest := comparedCell{name: "other"}
	var apart []comparedCell
	for _, c := range d.cells {
		if !d.ordered || c.kind != 0 || !c.finite() {
			apart = append(apart, c)
		}
	}
	slices.SortStableFunc(apart, func(a, b comparedCell) int { return cmp.Compare(d.pooled(b), d.pooled(a)) })
	for i, c := range apart {
		if i < mostCategories && !d.thin(c) {
			out = append(out, c)
		} else {
			add(&rest, c)
		}
	}
	switch {
	case rest.rows+rest.reference == 0 && rest.share == 0:
	case !d.thin(rest) || len(out) == 0:
		out = append(out, rest)
	default:
		add(&out[len(out)-1], rest)
	}
	return out
}

// kolmogorov returns the largest difference of the two cumulated distributions of numbers. NULL
// and NaN are above all numbers.
func (d *compared) kolmogorov() (distance float64, chance bool) {
	var now, before float64
	for _, c := range d.cells {
		now, before = now+d.now(c), before+d.before(c)
		distance = max(distance, math.Abs(now-before))
	}
	// The quantile of 99.9 % of the Kolmogorov distribution is 1.9495 (N. Smirnov, Table for
	// estimating the goodness of fit of empirical distributions, 1948).
	return distance, distance <= 1.9495*math.Sqrt(d.spread())
}

// maxShare returns the largest change of the share of one value.
func (d *compared) maxShare() (distance float64, chance bool) {
	most := d.mostMoved()
	if most == nil {
		return 0, true
	}
	p := d.pooled(*most)
	// The normal quantile of 99.9 % for the largest of k differences: Bonferroni, with the bound
	// exp(-z²/2) of the tail.
	z := math.Sqrt(2 * math.Log(2000*float64(len(d.cells))))
	return d.change(*most), d.change(*most) <= z*math.Sqrt(p*(1-p)*d.spread())
}

func (d *compared) change(c comparedCell) float64 { return math.Abs(d.now(c) - d.before(c)) }

// mostMoved returns the cell whose share changed most.
func (d *compared) mostMoved() (most *comparedCell) {
	for i, c := range d.cells {
		if most == nil || d.change(c) > d.change(*most) {
			most = &d.cells[i]
		}
	}
	return most
}

// moved says which shares changed most. Values are named only if that is wanted.
func (d *compared) moved(named bool) string {
	most := d.mostMoved()
	if most == nil || d.rows == 0 || d.change(*most) == 0 {
		return ""
	}
	percent := func(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "%" }
	name := "of one value"
	switch {
	case most.kind == 1:
		name = "of NULL"
	case d.ordered && named:
		name = "of values about " + aboutCell(most.number)
	case named:
		name = "of " + sentinel.Clip(oneLine(most.name))
	}
	return fmt.Sprintf("the share %s changed most, from %s to %s", name, percent(d.before(*most)), percent(d.now(*most)))
}

// aboutCell names the values of a cell of numbers.
func aboutCell(number float64) string {
	value := func(k float64) string { return strconv.FormatFloat(math.Exp((k-0.5)*0.020000666706669543), 'g', 3, 64) }
	switch {
	case number == notANumberCell:
		return "NaN"
	case number == infiniteCell:
		return "infinity"
	case number == -infiniteCell:
		return "-infinity"
	case number > 0:
		return value(number - cellOffset)
	case number < 0:
		return "-" + value(-number-cellOffset)
	}
	return "0"
}
