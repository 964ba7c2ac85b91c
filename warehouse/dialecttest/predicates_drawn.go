package dialecttest

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// condition draws a condition of some depth.
func (g *generator) condition(depth int) condition {
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			of := g.condition(depth - 1)
			return condition{warehouse.Not{Of: of.predicate}, "NOT (" + of.text + ")",
				func(r []cellOf) truth { return -of.holds(r) }}
		case 1:
			a, b := g.condition(depth-1), g.condition(depth-1)
			return condition{warehouse.All{a.predicate, b.predicate}, "(" + a.text + ") AND (" + b.text + ")",
				func(r []cellOf) truth { return min(a.holds(r), b.holds(r)) }}
		case 2:
			a, b := g.condition(depth-1), g.condition(depth-1)
			return condition{warehouse.Any{a.predicate, b.predicate}, "(" + a.text + ") OR (" + b.text + ")",
				func(r []cellOf) truth { return max(a.holds(r), b.holds(r)) }}
		}
	}
	return g.leaf()
}

// on makes a condition on one column that is unknown for NULL.
func on(at int, p warehouse.Predicate, text string, holds func(value string) bool) condition {
	return condition{p, text, func(r []cellOf) truth {
		if r[at] == nil {
			return unknown
		}
		return truthOf(holds(*r[at]))
	}}
}

func (g *generator) leaf() condition {
	switch g.IntN(9) {
	case 0:
		c, at := g.column("s", "n", "d", "day")
		return condition{warehouse.Null{Column: c}, c.Name + " is NULL",
			func(r []cellOf) truth { return truthOf(r[at] == nil) }}
	case 1:
		c, at := g.column(g.texts()...)
		if g.IntN(2) == 0 {
			return on(at, warehouse.Empty{Column: c}, c.Name+" is empty", func(v string) bool { return v == "" })
		}
		return on(at, warehouse.Blank{Column: c}, c.Name+" is blank",
			func(v string) bool { return strings.Trim(v, " \t\n\r\f\v") == "" })
	case 2:
		return g.among()
	case 3:
		c, at := g.column(g.texts()...)
		low := g.IntN(4)
		high := low + g.IntN(4) - 1
		if high < low {
			high = -1
		}
		text := fmt.Sprintf("length of %s %d to %d", c.Name, low, high)
		return on(at, warehouse.LengthWithin{Column: c, Low: low, High: high}, text, func(v string) bool {
			n := utf8.RuneCountInString(v)
			return n >= low && (high < 0 || n <= high)
		})
	case 4:
		c, at := g.column("d", "n")
		if g.IntN(2) == 0 {
			return on(at, warehouse.NotFinite{Column: c}, c.Name+" is not finite", func(v string) bool { return v == "NaN" })
		}
		return on(at, warehouse.NaN{Column: c}, c.Name+" is NaN", func(v string) bool { return v == "NaN" })
	case 5:
		return g.beside()
	case 6:
		return g.within()
	}
	c, at := g.column(g.texts()...)
	pattern := g.pattern()
	parsed, err := warehouse.ParsePattern(pattern)
	if err != nil {
		return g.leaf()
	}
	re := regexp.MustCompile(pattern)
	return on(at, warehouse.Matches{Column: c, Pattern: parsed}, c.Name+" matches "+pattern, re.MatchString)
}

func (g *generator) among() condition {
	c, at := g.column(append(g.texts(), "n", "d", "day")...)
	texts, values := g.literals(c, at, g.IntN(4))
	p := warehouse.In{Column: c, Values: values}
	if c.Type.IsText() && g.IntN(3) == 0 {
		p.Compare = warehouse.IgnoreCase
	}
	return on(at, p, fmt.Sprintf("%s in %q %s", c.Name, texts, p.Compare), func(v string) bool {
		return slices.ContainsFunc(texts, func(text string) bool {
			switch {
			case p.Compare == warehouse.IgnoreCase:
				return sameButCase(v, text)
			case c.Type.IsNumber():
				return v != "NaN" && ratOf(v).Cmp(ratOf(text)) == 0
			}
			return v == text
		})
	})
}

// sameButCase compares texts character by character.
func sameButCase(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		r := x[i]
		for r != y[i] {
			if r = unicode.SimpleFold(r); r == x[i] {
				return false
			}
		}
	}
	return true
}

func ratOf(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text + " is no number")
	}
	return r
}

// within draws a range of numbers or days.
func (g *generator) within() condition {
	c, at := g.column("n", "d", "day")
	texts, ends := g.literals(c, at, 2)
	p := warehouse.Within{Column: c, Exclusive: g.IntN(3) == 0}
	var low, high string
	if len(ends) > 0 && g.IntN(4) > 0 {
		low, p.Low = texts[0], &ends[0]
	}
	if len(ends) > 1 && g.IntN(4) > 0 {
		high, p.High = texts[1], &ends[1]
	}
	order := strings.Compare
	if c.Type.IsNumber() {
		order = func(a, b string) int { return ratOf(a).Cmp(ratOf(b)) }
	}
	inside := func(v, end string, sign int) bool {
		switch at := order(v, end) * sign; {
		case at == 0:
			return !p.Exclusive
		default:
			return at > 0
		}
	}
	return on(at, p, fmt.Sprintf("%s within %q to %q, exclusive %t", c.Name, low, high, p.Exclusive), func(v string) bool {
		return v != "NaN" && (low == "" || inside(v, low, 1)) && (high == "" || inside(v, high, -1))
	})
}

// beside draws a range that ends at another column.
func (g *generator) beside() condition {
	c, at := g.column("n")
	other, second := g.column("m", "d")
	end, err := warehouse.LiteralColumn(&c, &other)
	if err != nil {
		panic(err)
	}
	p := warehouse.Within{Column: c, High: &end}
	return condition{p, c.Name + " at most " + other.Name, func(r []cellOf) truth {
		switch {
		case r[second] != nil && *r[second] == "NaN":
			return no
		case r[at] == nil || r[second] == nil:
			return unknown
		}
		return truthOf(ratOf(*r[at]).Cmp(ratOf(*r[second])) <= 0)
	}}
}

// atoms are parts of drawn patterns.
var atoms = []string{
	"a", "A", "k", "(?i:k)", "(?i:i)", "(?i:ß)", "(?i:aσ)", ".", "(?s:.)", `\d`, `\D`, `\w`, `\W`, `\s`, `\S`,
	"[^a]", "[a-z]", "[^a-zA-Z]", "[[:alpha:]]", "[[:^space:]]", `\pL`, `\PL`, `\p{Lu}`, `\p{Greek}`, `[^\pL\d]`,
	`\x{1F600}`, "[\u00a0\u2028]", `\.`, `\\`, `\n`, `\t`, "%", "_", " ", "#", "'", "ä", "e\u0301", "(?:)", `\b`, `\B`,
	"(?i:[k-m])", "[[:word:]-]", `[\]^-]`, `\pN`, "(?m:^)", "(?m:$)", `\x00`, `[\x00-\x{10FFFF}]`,
	`[^\x00-\x{10FFFF}]`, "[0-9٣]", `\C`, `\z`, `\A`,
}

var quantifiers = []string{"", "", "", "*", "+", "?", "{2}", "{0,3}", "{1,}", "{5}", "{2,}", "{0,4}", "*?", "+?", "{0}"}

// longPatterns have more repeats than some engines take in one quantifier.
var longPatterns = []string{"^a{90}$", "^a{300}", "a{260,}", "^a{0,300}$", "^a{80,300}$", "^ä{40}$"}

func (g *generator) pattern() string {
	if g.IntN(10) == 0 {
		return longPatterns[g.IntN(len(longPatterns))]
	}
	var b strings.Builder
	if g.IntN(3) == 0 {
		b.WriteString("^")
	}
	for i := range 1 + g.IntN(3) {
		atom := atoms[g.IntN(len(atoms))]
		if i > 0 && g.IntN(4) == 0 {
			b.WriteString("|")
		}
		b.WriteString("(?:" + atom + ")" + quantifiers[g.IntN(len(quantifiers))])
	}
	if g.IntN(3) == 0 {
		b.WriteString("$")
	}
	return b.String()
}
