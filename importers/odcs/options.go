package odcs

import (
	"regexp"
	"slices"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// options reads logicalTypeOptions.
func (c *contract) options(p property, check importers.Check) {
	at := importers.Under(p.node, "logicalTypeOptions")
	var exclusive importers.Check
	exclusive.Kind = check.Kind
	exclusive.Keys = slices.Clone(check.Keys)
	for _, f := range importers.Pairs(at) {
		value := importers.Word(f.Value)
		switch f.Name {
		case "minimum":
			c.end(p, f, importers.Under(at, "exclusiveMinimum"), pairOf{"min", &check, &exclusive})
		case "maximum":
			c.end(p, f, importers.Under(at, "exclusiveMaximum"), pairOf{"max", &check, &exclusive})
		case "exclusiveMinimum":
			c.exclusiveEnd(p, f, importers.Under(at, "minimum"), pairOf{"min", &check, &exclusive})
		case "exclusiveMaximum":
			c.exclusiveEnd(p, f, importers.Under(at, "maximum"), pairOf{"max", &check, &exclusive})
		case "minLength":
			check.Keys.Set("min_length", importers.Plain(value))
		case "maxLength":
			check.Keys.Set("max_length", importers.Plain(value))
		case "pattern":
			check.Keys.Set("pattern", value)
		case "format":
			if known := map[string]string{"email": "email", "uuid": "uuid", "uri": "url", "ipv4": "ipv4", "ipv6": "ipv6"}[value]; known != "" {
				check.Keys.Set("format", importers.Plain(known))
				continue
			}
			c.out.Leave(c.file.At(f.Key), p.table+": format of "+p.name, "the format "+value+" has no counterpart")
		default:
			c.out.Leave(c.file.At(f.Key), p.table+": "+f.Name+" of "+p.name, "not taken over")
		}
	}
	what := "logicalTypeOptions(" + p.name + ")"
	if len(check.Keys) > 1 {
		c.out.Take(c.file.At(at), p.table, what, check)
	}
	if len(exclusive.Keys) > 1 {
		exclusive.Keys.Set("exclusive", true)
		c.out.Take(c.file.At(at), p.table, what, exclusive)
	}
}

// pairOf is where an end of a range goes: into a check in whose range it is, or into one in
// whose range it is not.
type pairOf struct {
	key                  string
	inclusive, exclusive *importers.Check
}

// end reads minimum or maximum. In version 3.0 the key beside it says whether it is exclusive.
func (c *contract) end(p property, f importers.Pair, beside *yaml.Node, to pairOf) {
	value := importers.Word(f.Value)
	switch {
	case !isLimit(f.Value):
		c.out.Leave(c.file.At(f.Key), p.table+": "+f.Name+" of "+p.name, "want a number or a date: "+value)
	case isBool(beside, "true"):
		to.exclusive.Keys.Set(to.key, value)
	default:
		to.inclusive.Keys.Set(to.key, value)
	}
}

// exclusiveEnd reads exclusiveMinimum or exclusiveMaximum: a limit in version 3.1, and in
// version 3.0 a word about the limit beside it.
func (c *contract) exclusiveEnd(p property, f importers.Pair, beside *yaml.Node, to pairOf) {
	what := p.table + ": " + f.Name + " of " + p.name
	switch {
	case isBool(f.Value, "false"), isBool(f.Value, "true") && !importers.IsNull(beside):
	case isBool(f.Value, "true"):
		c.out.Leave(c.file.At(f.Key), what, "it is true without a limit beside it")
	case isLimit(f.Value):
		to.exclusive.Keys.Set(to.key, importers.Word(f.Value))
	default:
		c.out.Leave(c.file.At(f.Key), what, "want a number, a date, true or false: "+importers.Word(f.Value))
	}
}

func isBool(n *yaml.Node, word string) bool {
	return !importers.IsNull(n) && n.ShortTag() == "!!bool" && importers.Word(n) == word
}

var limit = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-?\d+(\.\d+)?([eE][+-]?\d+)?|\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?)$`)
})

// isLimit reports whether a value is a number or a date. A word would be read as a column.
func isLimit(n *yaml.Node) bool { return limit().MatchString(importers.Word(n)) }
