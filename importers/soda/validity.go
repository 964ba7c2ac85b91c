package soda

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// validity is what counts as missing and as valid: keys below a check, and in version 4
// below its column. SodaCL writes `valid min length`, contracts `valid_min_length`.
type validity struct {
	levels []*yaml.Node // the first that has a key wins
	where  string       // the rows that are looked at, beside the filter
	remark string
}

// under returns the value of a key in either spelling.
func (v *validity) under(key string) *yaml.Node {
	for _, level := range v.levels {
		for _, f := range importers.Pairs(level) {
			if strings.ReplaceAll(f.Name, " ", "_") == key {
				return f.Value
			}
		}
	}
	return nil
}

// formats are the names of formats of which Sentinel has one, too.
var formats = map[string]string{
	"email": "email", "uuid": "uuid", "integer": "integer", "decimal": "decimal", "ipv4 address": "ipv4",
	"ip address": "ipv4", "ipv6 address": "ipv6", "phone number": "phone", "credit card number": "credit_card",
}

// check returns a check of missing or invalid values.
func (v *validity) check(missing bool, column string, percent bool) (importers.Check, string) {
	if missing {
		return v.missing(column)
	}
	return v.invalid(column, percent)
}

// missing reads the values that stand for missing ones.
func (v *validity) missing(column string) (importers.Check, string) {
	c := importers.Check{Kind: "missing"}
	c.Keys.Set("column", column)
	c.Keys.Set("values", texts(v.under("missing_values")))
	for _, key := range []string{"missing_regex", "missing_format"} {
		if v.under(key) != nil {
			return c, strings.ReplaceAll(key, "_", " ") + ": a pattern of missing values: write it as `where`"
		}
	}
	return c, ""
}

// texts returns the values of a list; null, of which no row has one, is left out.
func texts(n *yaml.Node) (out []string) {
	for _, item := range importers.Items(n) {
		if !importers.IsNull(item) {
			out = append(out, item.Value)
		}
	}
	return out
}

func (v *validity) invalid(column string, percent bool) (importers.Check, string) {
	c := importers.Check{Kind: "invalid"}
	c.Keys.Set("column", column)
	for _, f := range []struct{ from, to string }{
		{"valid_values", "valid_values"}, {"invalid_values", "invalid_values"},
	} {
		c.Keys.Set(f.to, texts(v.under(f.from)))
	}
	for _, f := range []struct{ from, to string }{
		{"valid_min", "min"}, {"valid_max", "max"}, {"valid_length", "length"},
		{"valid_min_length", "min_length"}, {"valid_max_length", "max_length"},
	} {
		c.Keys.Set(f.to, importers.Plain(importers.Word(v.under(f.from))))
	}
	for _, f := range []struct{ from, to string }{
		{"valid_regex", "pattern"}, {"invalid_regex", "not_pattern"},
	} {
		c.Keys.Set(f.to, importers.Word(v.under(f.from)))
	}
	if at := v.under("valid_format"); at != nil {
		name := importers.Word(at)
		if regex := importers.Word(importers.Under(at, "regex")); regex != "" { // version 4
			c.Keys.Set("pattern", regex)
		} else if formats[name] == "" {
			return c, "the format " + strconv.Quote(name) + " has no counterpart: write it as valid regex"
		} else {
			c.Keys.Set("format", importers.Plain(formats[name]))
			v.remark = "the pattern of the format " + name + " is Sentinel's own"
		}
	}
	for _, key := range []string{"invalid_format", "valid_reference_data"} {
		if v.under(key) != nil {
			return c, strings.ReplaceAll(key, "_", " ") + " is not taken over"
		}
	}
	if len(c.Keys) == 1 {
		return c, "it says nothing of what is valid"
	}
	if why := v.leaveMissing(column, percent); why != "" {
		return c, why
	}
	if percent {
		c.Keys.Set("of", importers.Plain("rows"))
	}
	return c, ""
}

// leaveMissing leaves out the values that stand for missing ones.
func (v *validity) leaveMissing(column string, percent bool) (why string) {
	values := texts(v.under("missing_values"))
	switch {
	case v.under("missing_regex") != nil || v.under("missing_format") != nil:
		return "values that stand for missing ones are a pattern"
	case len(values) == 0:
		return ""
	case percent:
		return "values that stand for missing ones are part of what its share is of"
	}
	for i, text := range values {
		values[i] = importers.Text(text)
	}
	v.where = importers.Column(column) + " NOT IN (" + strings.Join(values, ", ") + ")"
	return ""
}

// validityKeys are the keys of what is missing and valid that are read, by the kinds of checks
// of version 4 that such keys change.
var validityKeys = map[string][]string{
	"missing":   {"missing_values", "missing_regex", "missing_format"},
	"duplicate": {"missing_values", "missing_regex", "missing_format"},
	"aggregate": {},
	"invalid": {
		"missing_values", "missing_regex", "missing_format", "valid_values", "invalid_values", "valid_min", "valid_max",
		"valid_length", "valid_min_length", "valid_max_length", "valid_regex", "invalid_regex", "valid_format",
		"invalid_format",
	},
}

// unread returns a key of what is missing or valid that would change a check and is not read;
// "" if there is none. What is valid in a column does not change which values are missing.
func (r ruleOf) unread(v *validity) string {
	read, changed := validityKeys[r.kind]
	if r.kind == "invalid" && v.under("valid_reference_data") != nil {
		read = []string{"valid_reference_data"}
	}
	if !changed || r.kind == "duplicate" && r.column == "" {
		return ""
	}
	for i, level := range v.levels {
		for _, f := range importers.Pairs(level) {
			ofMissing := strings.HasPrefix(f.Name, "missing_")
			ofValid := strings.HasPrefix(f.Name, "valid_") || strings.HasPrefix(f.Name, "invalid_")
			if r.kind == "missing" && i > 0 {
				ofValid = false
			}
			if (ofMissing || ofValid) && !slices.Contains(read, f.Name) {
				return f.Name
			}
		}
	}
	return ""
}
