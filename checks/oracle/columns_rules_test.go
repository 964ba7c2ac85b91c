package oracle_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// badRule is a rule of bad rows: how it is written, and what it means.
type badRule struct {
	kind     string
	options  map[string]any
	bad      func(r []cell) truth
	key      func(r []cell) (key string, ok bool)    // of a rule about rows that repeat; else nil
	missing  func(all [][]cell) func(r []cell) truth // makes bad of all rows, for a reference; else nil
	keys     bool                                    // such keys are counted, and not rows
	mayReach bool                                    // an index leads with the key
	values   string                                  // column whose values the share is of; "" for rows
}

// cellTruth makes a rule on one column that is unknown for NULL.
func cellTruth(column string, holds func(v string) bool) func([]cell) truth {
	at := columnIndex(column)
	return func(r []cell) truth {
		if r[at] == nil {
			return unknown
		}
		return truthOf(holds(*r[at]))
	}
}

func drawMissing(r *rand.Rand) badRule {
	c := oddColumns[1+r.IntN(len(oddColumns)-1)]
	options := map[string]any{"column": c.name}
	bad := []func(v string) bool{}
	isText := c.kind == "text" || c.kind == "char"
	if isText && r.IntN(3) == 0 {
		options["empty"] = true
		bad = append(bad, func(v string) bool { return v == "" })
	}
	if isText && r.IntN(3) == 0 {
		options["blank"] = true
		bad = append(bad, func(v string) bool { return strings.Trim(v, " \t\n\r\f\v") == "" })
	}
	if c.kind != "boolean" && r.IntN(3) == 0 {
		list := drawValues(r, c)
		options["values"] = list
		bad = append(bad, func(v string) bool { return amongValues(c, v, list) })
	}
	if (c.kind == "float" || c.kind == "decimal") && r.IntN(2) == 0 {
		options["nan"] = true
		bad = append(bad, func(v string) bool { return v == "NaN" })
	}
	if c.kind == "date" && r.IntN(2) == 0 {
		options["zero_date"] = true
		bad = append(bad, func(v string) bool { return v == "0000-00-00" })
	}
	at := columnIndex(c.name)
	return badRule{kind: "missing", options: options, bad: func(r []cell) truth {
		return truthOf(r[at] == nil || slices.ContainsFunc(bad, func(b func(string) bool) bool { return b(*r[at]) }))
	}}
}

// drawValues draws values that a configuration may have for a column.
func drawValues(r *rand.Rand, c oddColumn) []string {
	var list []string
	for range 1 + r.IntN(4) {
		v := pick(r, c.values)
		number := c.kind == "integer" || c.kind == "decimal" || c.kind == "float"
		if strings.HasPrefix(v, "!") || strings.Contains(v, "nfinity") || v == "0000-00-00" || number && v == "NaN" {
			v = map[string]string{"date": "2026-11-30"}[c.kind]
			if number {
				v = "1"
			}
		}
		list = append(list, v)
	}
	return list
}

// numberOf reads a number; ok is false for NaN, infinity and what is none.
func numberOf(v string) (n *big.Rat, ok bool) {
	if strings.HasPrefix(v, "!") || v == "NaN" || strings.HasSuffix(v, "Infinity") {
		return nil, false
	}
	return new(big.Rat).SetString(v)
}

func amongValues(c oddColumn, v string, list []string) bool {
	return slices.ContainsFunc(list, func(want string) bool {
		switch c.kind {
		case "integer", "decimal", "float":
			a, ok := numberOf(v)
			b, _ := numberOf(want)
			return ok && a.Cmp(b) == 0
		}
		return v == want
	})
}

// order compares values of a column; ok is false for one that lies nowhere.
func order(c oddColumn, a, b string) (sign int, ok bool) {
	switch c.kind {
	case "date", "timestamp":
		rank := func(v string) int { return map[string]int{"-infinity": -1, "infinity": 1}[v] }
		if rank(a) != 0 {
			return rank(a), true
		}
		return strings.Compare(a, b), true
	}
	if strings.HasPrefix(a, "!") || a == "NaN" {
		return 0, false
	}
	if strings.HasSuffix(a, "Infinity") {
		f, _ := strconv.ParseFloat(a, 64)
		return int(math.Copysign(1, f)), true
	}
	x, _ := numberOf(a)
	y, _ := numberOf(b)
	return x.Cmp(y), true
}

// part is one rule of a column's values: its options, and when a value breaks it.
type part struct {
	options map[string]any
	broken  func(r []cell) truth
	ends    bool // it is a range
}

func drawInvalid(r *rand.Rand) badRule {
	c := oddColumns[1+r.IntN(len(oddColumns)-1)]
	options := map[string]any{"column": c.name}
	var parts []part
	for range 1 + r.IntN(2) {
		p := drawPart(r, c)
		if parts != nil && p.ends || taken(options, p.options) {
			continue // a range of two parts would be another
		}
		for key, v := range p.options {
			options[key] = v
		}
		parts = append(parts, p)
	}
	rule := badRule{kind: "invalid", options: options, values: c.name, bad: func(r []cell) truth {
		worst := no
		for _, p := range parts {
			worst = max(worst, p.broken(r))
		}
		return worst
	}}
	if r.IntN(4) == 0 {
		options["of"], rule.values = "rows", ""
	}
	return rule
}

// taken reports whether one of the keys is set.
func taken(options, more map[string]any) bool {
	for key := range more {
		if _, is := options[key]; is {
			return true
		}
	}
	return false
}

func drawPart(r *rand.Rand, c oddColumn) part {
	isText := c.kind == "text" || c.kind == "char"
	switch {
	case c.kind == "boolean":
		v := pick(r, []string{"1", "0"})
		word := map[string]string{"1": "true", "0": "false"}[v]
		return part{options: map[string]any{"valid_values": []string{word}},
			broken: cellTruth(c.name, func(x string) bool { return x != v })}
	case isText && r.IntN(2) == 0:
		return drawTextPart(r, c)
	case !isText && r.IntN(2) == 0:
		return drawRange(r, c)
	}
	list := drawValues(r, c)
	if r.IntN(3) == 0 {
		return part{options: map[string]any{"invalid_values": list},
			broken: cellTruth(c.name, func(v string) bool { return amongValues(c, v, list) })}
	}
	return part{options: map[string]any{"valid_values": list},
		broken: cellTruth(c.name, func(v string) bool { return !amongValues(c, v, list) })}
}

// oddPatterns are patterns that engines would read in other ways.
var oddPatterns = []string{"^a", "a$", "^a?$", "(?i)^k$", `^\d+$`, `\s`, "^.$", "[[:alpha:]]", `\pL`,
	`^\w+$`, "^$", "[^a-z]", "(?i)ß", `^[\x00-\x7f]*$`, "a{2}", "(?m)^b", `\bx\b`, "^(a|ab)$", `\\`, "%", "#", "(?s)^a.b$"}

func drawTextPart(r *rand.Rand, c oddColumn) part {
	switch r.IntN(4) {
	case 0:
		n := 2 + r.IntN(2)
		return part{options: map[string]any{"max_length": n},
			broken: cellTruth(c.name, func(v string) bool { return utf8.RuneCountInString(v) > n })}
	case 1:
		n := 1 + r.IntN(2)
		return part{options: map[string]any{"min_length": n},
			broken: cellTruth(c.name, func(v string) bool { return utf8.RuneCountInString(v) < n })}
	case 2:
		like := pick(r, []string{"a%", "%a", "_", "a_", "%", "A%", `a\%`})
		re := regexp.MustCompile(map[string]string{"a%": `(?s)\Aa`, "%a": `a\z`, "_": `(?s)\A.\z`, "a_": `(?s)\Aa.\z`, "%": "",
			"A%": `\AA`, `a\%`: `\Aa%\z`}[like])
		return part{options: map[string]any{"like": like},
			broken: cellTruth(c.name, func(v string) bool { return !re.MatchString(v) })}
	}
	pattern := pick(r, oddPatterns)
	re := regexp.MustCompile(pattern)
	if r.IntN(3) == 0 {
		return part{options: map[string]any{"not_pattern": pattern},
			broken: cellTruth(c.name, re.MatchString)}
	}
	return part{options: map[string]any{"pattern": pattern},
		broken: cellTruth(c.name, func(v string) bool { return !re.MatchString(v) })}
}

func drawRange(r *rand.Rand, c oddColumn) part {
	options := map[string]any{}
	if c.name == "n" && r.IntN(4) == 0 {
		options["max"] = "m"
		at, other := columnIndex("n"), columnIndex("m")
		return part{ends: true, options: options, broken: func(r []cell) truth {
			switch {
			case r[at] == nil:
				return unknown
			case strings.HasPrefix(*r[at], "!"):
				return yes
			case r[other] == nil:
				return unknown
			}
			sign, _ := order(c, *r[at], *r[other])
			return truthOf(sign > 0)
		}}
	}
	ends := drawValues(r, c)
	low, high := ends[0], ends[len(ends)-1]
	exclusive := r.IntN(3) == 0
	if c.kind == "date" { // a range of days without one is refused
		low, high = min(low, high), max(low, high)
		exclusive = exclusive && low < high
	}
	if r.IntN(3) > 0 {
		options["min"] = low
	} else {
		low = ""
	}
	if low == "" || r.IntN(2) == 0 {
		options["max"] = high
	} else {
		high = ""
	}
	if high != "" && c.kind == "timestamp" && r.IntN(2) == 0 {
		high = begun.Format(oddTime)
		options["max"] = "now"
	}
	if exclusive {
		options["exclusive"] = true
	}
	return part{ends: true, options: options, broken: cellTruth(c.name, func(v string) bool {
		out := func(end string, side int) bool {
			if end == "" {
				_, ok := order(c, v, v)
				return !ok
			}
			sign, ok := order(c, v, end)
			return !ok || sign*side < 0 || sign == 0 && exclusive
		}
		return out(low, 1) || out(high, -1)
	})}
}

// drawFailed draws an expression that means the same on every engine.
func drawFailed(r *rand.Rand) badRule {
	limit := r.IntN(60)
	id, g := columnIndex("id"), columnIndex("g")
	country := pick(r, []string{"DE", "FR"})
	isCountry := func(r []cell) truth {
		if r[g] == nil {
			return unknown
		}
		return truthOf(*r[g] == country)
	}
	small := func(r []cell) truth {
		n, _ := strconv.Atoi(*r[id])
		return truthOf(n < limit)
	}
	expression, bad := fmt.Sprintf("g = '%s' AND id < %d", country, limit),
		func(r []cell) truth { return min(isCountry(r), small(r)) }
	if r.IntN(2) == 0 {
		expression = fmt.Sprintf("NOT (g = '%s') OR id < %d -- or", country, limit)
		bad = func(r []cell) truth { return max(-isCountry(r), small(r)) }
	}
	return badRule{kind: "failed_rows", options: map[string]any{"expression": expression}, bad: bad}
}

// drawDuplicate draws columns whose values must differ together.
func drawDuplicate(r *rand.Rand) badRule {
	rule := badRule{kind: "duplicate"}
	var columns []string
	texts := false
	for _, i := range r.Perm(len(oddColumns))[:1+r.IntN(3)] {
		c := oddColumns[i]
		columns = append(columns, c.name)
		texts = texts || c.kind == "text" || c.kind == "char"
	}
	if r.IntN(5) == 0 {
		columns, texts = []string{"m"}, false
	}
	rule.options = map[string]any{"columns": columns}
	if texts {
		rule.options["compare"] = "exact"
	}
	includeNull := r.IntN(4) == 0
	if includeNull {
		rule.options["include_null"] = true
	}
	if rule.keys = r.IntN(3) == 0; rule.keys {
		rule.options["count"] = "keys"
	}
	rule.key = func(r []cell) (string, bool) { return keyOf(r, columns, includeNull) }
	rule.mayReach = len(columns) == 1 && columns[0] == "m" && !includeNull
	return rule
}

// keyOf writes the values of columns so that equal ones are written alike. ok is false for a
// NULL, unless it is a value like others.
func keyOf(r []cell, columns []string, includeNull bool) (key string, ok bool) {
	var parts []string
	for _, name := range columns {
		v := r[columnIndex(name)]
		switch {
		case v == nil && !includeNull:
			return "", false
		case v == nil:
			parts = append(parts, "NULL")
		default:
			text := *v
			if c := oddColumns[columnIndex(name)]; c.kind == "integer" || c.kind == "decimal" || c.kind == "float" {
				if n, ok := numberOf(text); ok {
					text = n.RatString()
				}
			}
			parts = append(parts, strconv.Quote(text))
		}
	}
	return strings.Join(parts, ","), true
}

// alike are columns whose values may be equal.
var alike = [][]string{{"s", "f", "c", "g", "k"}, {"n", "m", "d", "id"}, {"x", "d"}, {"day"}, {"at"}}

// drawReference draws columns of a table whose values must be in other columns of it.
func drawReference(r *rand.Rand, table string) badRule {
	var columns, field []string
	texts := false
	for _, i := range r.Perm(len(alike))[:1+r.IntN(2)] {
		columns, field = append(columns, pick(r, alike[i])), append(field, pick(r, alike[i]))
		texts = texts || i == 0
	}
	from := r.IntN(30)
	rule := badRule{kind: "reference", options: map[string]any{"columns": columns, "field": field, "to": table,
		"to_where": fmt.Sprintf("id >= %d", from)}}
	if texts {
		rule.options["compare"] = "exact"
	}
	rule.key = func(r []cell) (string, bool) { return keyOf(r, columns, false) }
	rule.missing = func(all [][]cell) func([]cell) truth {
		there := map[string]bool{}
		for _, r := range all {
			if id, _ := strconv.Atoi(*r[0]); id < from {
				continue
			}
			if key, ok := keyOf(r, field, false); ok {
				there[key] = true
			}
		}
		return func(r []cell) truth {
			key, ok := keyOf(r, columns, false)
			return truthOf(ok && !there[key])
		}
	}
	return rule
}
