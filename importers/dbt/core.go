package dbt

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// kinds are the tests that are understood, by their names.
var kinds = map[string]kind{}

// kindOf returns how a test is taken over, and the name under which it is known. A test
// without a package may be a copy of one of dbt_utils.
func kindOf(name string) (kind, string) {
	if k, known := kinds[name]; known {
		return k, name
	}
	if !strings.Contains(name, ".") {
		for _, pkg := range []string{"dbt_utils.", "dbt_expectations."} {
			if k, known := kinds[pkg+name]; known {
				return k, pkg + name
			}
		}
	}
	return kind{}, name
}

func init() {
	kinds["not_null"] = kind{notNull, ""}
	kinds["unique"] = kind{unique, ""}
	kinds["accepted_values"] = kind{acceptedValues, "values quote"}
	kinds["relationships"] = kind{relationships, "to field"}
	kinds["is_null"] = kind{isNull, ""}
}

func notNull(_ *project, t *test) ([]importers.Check, string) {
	if !importers.IsColumn(t.column) && t.column != "" {
		return expression(t, "("+t.column+") IS NULL")
	}
	if why := t.wanted(); why != "" {
		return nil, why
	}
	return t.rows(t.check("missing"))
}

func isNull(_ *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	return expression(t, importers.Column(t.column)+" IS NOT NULL")
}

// expression returns a check of the rows for which a condition is true.
func expression(t *test, bad string, more ...string) ([]importers.Check, string) {
	c := importers.Check{Kind: "failed_rows"}
	c.Keys.Set("expression", bad)
	return t.rows(c, more...)
}

// unique counts the keys that occur twice. NULL is no key.
func unique(_ *project, t *test) ([]importers.Check, string) {
	if t.column == "" {
		return nil, "it names no column"
	}
	if !importers.IsColumn(t.column) {
		return query("SELECT 1 FROM " + importers.From(t.where) + " WHERE (" + t.column + ") IS NOT NULL GROUP BY (" +
			t.column + ") HAVING count(*) > 1")
	}
	return t.rows(t.check("duplicate"))
}

func acceptedValues(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	values, why := p.texts(t, "values")
	if why != "" {
		return nil, why
	}
	c := t.check("invalid")
	c.Keys.Set("valid_values", values)
	return t.rows(c)
}

// texts returns the values of a list. null is none: no row is equal to it. In the statement of
// dbt values stand in quotes, so that a quote in a value is written twice or after a backslash.
func (p *project) texts(t *test, name string) (values []string, why string) {
	n := p.listOf(importers.Under(t.args, name))
	items := importers.Items(n)
	if len(items) == 0 && importers.Word(n) != "" {
		items = []*yaml.Node{n}
	}
	for _, item := range items {
		if importers.IsNull(item) {
			continue
		}
		if item.Kind != yaml.ScalarNode {
			return nil, "a value of its list is no scalar"
		}
		text := p.plain(item.Value)
		if hasJinja(text) {
			return nil, "values: " + compileFirst
		}
		if !strings.EqualFold(p.word(t, "quote")+p.word(t, "quote_values"), "false") {
			text = strings.NewReplacer("''", "'", `\'`, "'").Replace(text)
		}
		values = append(values, text)
	}
	if len(values) == 0 {
		return nil, "it has no list of values"
	}
	return values, ""
}

func relationships(p *project, t *test) ([]importers.Check, string) {
	return p.reference(t, "", "")
}

// reference counts the keys without a partner.
func (p *project) reference(t *test, where, toWhere string) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	to, why := p.other(t, "to")
	if why != "" {
		return nil, why
	}
	field := p.word(t, "field")
	if !importers.IsColumn(field) {
		return nil, "field is no column: " + field
	}
	c := importers.Reference(unquoted([]string{t.column}), to, unquoted([]string{field}))
	c.Keys.Set("to_where", toWhere)
	return t.rows(c, where)
}

// other returns the table that an argument names.
func (p *project) other(t *test, name string) (table, why string) {
	text := importers.Word(importers.Under(t.args, name))
	r := p.find(text)
	switch {
	case r == nil && text != "" && !hasJinja(text) && !strings.Contains(text, "("):
		return text, ""
	case r == nil:
		return "", name + " is neither ref() nor source(): " + text
	case r.why != "":
		return "", name + ": " + r.why
	}
	return r.named(), ""
}
