package sentinel

import (
	"fmt"
	"strings"
)

// wildcards are the characters that stand for any text in a part without quotes.
const wildcards = "*%"

// Pattern names the tables that match it. The wildcards * and % stand for any text,
// also an empty one, in a part that is not in double quotes. A part in quotes is a name
// as it stands in the catalog. A Pattern works as a map key.
type Pattern struct {
	Table                    // parts as written, without their quotes
	quotedSchema, quotedName bool
}

// ParsePattern reads what [ParseTable] reads, and keeps which parts are in quotes.
func ParsePattern(s string) (Pattern, error) {
	parts, err := splitName(s)
	if err != nil {
		return Pattern{}, err
	}
	last := len(parts) - 1
	p := Pattern{Table: Table{Warehouse: parts[0].text, Name: parts[last].text}, quotedName: parts[last].quoted}
	switch len(parts) {
	case 2:
		return p, nil
	case 3:
		p.Schema, p.quotedSchema = parts[1].text, parts[1].quoted
		return p, nil
	}
	return Pattern{}, fmt.Errorf("table %q: want warehouse.schema.table or warehouse.table", s)
}

// Wild reports whether the pattern holds a wildcard.
func (p Pattern) Wild() bool {
	return isWild(p.Schema, p.quotedSchema) || isWild(p.Name, p.quotedName)
}

// Exact reports whether the schema and the name are in quotes, so that only tables of
// exactly these names match. An empty schema is exact.
func (p Pattern) Exact() bool { return p.quotedName && (p.quotedSchema || p.Schema == "") }

// Matches reports whether a table of the pattern's warehouse matches. Case counts.
func (p Pattern) Matches(t Table) bool {
	return p.Warehouse == t.Warehouse && matchPart(p.Schema, p.quotedSchema, t.Schema) &&
		matchPart(p.Name, p.quotedName, t.Name)
}

// Names reports whether a table is one that the pattern names in a configuration. A name
// without a schema is about any schema, because only the catalog knows the default one.
// Case does not count in a part without quotes of a name without wildcards.
func (p Pattern) Names(t Table) bool {
	if p.Schema == "" {
		p.Schema, p.quotedSchema = t.Schema, true
	}
	if p.Wild() {
		return p.Matches(t)
	}
	same := func(a string, quoted bool, b string) bool { return a == b || !quoted && strings.EqualFold(a, b) }
	return p.Warehouse == t.Warehouse && same(p.Schema, p.quotedSchema, t.Schema) && same(p.Name, p.quotedName, t.Name)
}

// String returns the pattern so that [ParsePattern] reads it with the same wildcards.
func (p Pattern) String() string {
	parts := []string{quotePart(p.Warehouse)}
	if p.Schema != "" {
		parts = append(parts, patternPart(p.Schema, p.quotedSchema))
	}
	return strings.Join(append(parts, patternPart(p.Name, p.quotedName)), ".")
}

// MarshalText encodes the pattern as [Pattern.String].
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText decodes what [ParsePattern] accepts.
func (p *Pattern) UnmarshalText(b []byte) error {
	v, err := ParsePattern(string(b))
	*p = v
	return err
}

// MatchName reports whether a dotted name, given by its parts, matches a pattern whose
// parts in double quotes stand for themselves. A pattern with as many parts as the name
// matches part by part. A wildcard of any other pattern also stands for text with dots,
// as in shop.* for all tables of a warehouse.
func MatchName(pattern string, name ...string) bool {
	parts, err := splitName(pattern)
	if err != nil {
		return false
	}
	if len(parts) == len(name) {
		for i, p := range parts {
			if !matchPart(p.text, p.quoted, name[i]) {
				return false
			}
		}
		return true
	}
	literals := partLiterals(parts[0].text, parts[0].quoted)
	for _, p := range parts[1:] {
		next := partLiterals(p.text, p.quoted)
		literals[len(literals)-1] += "." + next[0]
		literals = append(literals, next[1:]...)
	}
	return matchLiterals(literals, strings.Join(name, "."))
}

// MatchFold is [MatchName], without regard to case in parts without quotes of a pattern
// without wildcards: it is a name as people write it.
func MatchFold(pattern string, name ...string) bool {
	if MatchName(pattern, name...) {
		return true
	}
	parts, err := splitName(pattern)
	if err != nil || len(parts) != len(name) {
		return false
	}
	for i, p := range parts {
		if isWild(p.text, p.quoted) || p.text != name[i] && (p.quoted || !strings.EqualFold(p.text, name[i])) {
			return false
		}
	}
	return true
}

// MatchTable reports whether a text that people write names a table: as a name or pattern
// of a configuration (see [Pattern.Names]), or as a pattern of [MatchName], such as shop.*
// for all tables of a warehouse.
func MatchTable(pattern string, t Table) bool {
	if MatchName(pattern, t.Warehouse, t.Schema, t.Name) {
		return true
	}
	p, err := ParsePattern(pattern)
	return err == nil && p.Names(t)
}

// CheckPatterns returns why [MatchTable] could not use one of some patterns.
func CheckPatterns(patterns ...string) error {
	for _, p := range patterns {
		if _, err := splitName(p); err != nil {
			return err
		}
	}
	return nil
}

func isWild(part string, quoted bool) bool { return !quoted && strings.ContainsAny(part, wildcards) }

func patternPart(part string, quoted bool) string {
	if isWild(part, quoted) {
		return part
	}
	return quotePart(part)
}

func matchPart(part string, quoted bool, name string) bool {
	return matchLiterals(partLiterals(part, quoted), name)
}

// partLiterals returns the texts between the wildcards of a part: one more than it has
// wildcards.
func partLiterals(part string, quoted bool) []string {
	if !isWild(part, quoted) {
		return []string{part}
	}
	var literals []string
	for {
		i := strings.IndexAny(part, wildcards)
		if i < 0 {
			return append(literals, part)
		}
		literals = append(literals, part[:i])
		part = part[i+1:]
	}
}

// matchLiterals reports whether a text is the literals in their order, with any text
// between two of them.
func matchLiterals(literals []string, text string) bool {
	last := len(literals) - 1
	if last == 0 {
		return text == literals[0]
	}
	text, begins := strings.CutPrefix(text, literals[0])
	if !begins {
		return false
	}
	for _, l := range literals[1:last] { // the first place is as good as any later one
		_, rest, found := strings.Cut(text, l)
		if !found {
			return false
		}
		text = rest
	}
	return strings.HasSuffix(text, literals[last])
}
