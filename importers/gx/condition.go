package gx

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

var (
	columnTerm = regexOf(`col\(\s*["']([^"']+)["']\s*\)`)
	equals     = regexOf(`==`)
	textTerm   = regexOf(`"([^"]*)"`)
)

func regexOf(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// condition reads a row_condition as SQL. Those of pandas are no SQL.
func condition(text, parser string) (sql, why string) {
	switch {
	case text == "":
		return "", ""
	case parser == "pandas" || parser == "python":
		return "", "row_condition is an expression of pandas: write it as `where`"
	case strings.HasPrefix(parser, "great_expectations"):
		if strings.Contains(text, "Null()") {
			text = strings.NewReplacer(".notNull()", " IS NOT NULL", ".isNull()", " IS NULL").Replace(text)
		}
		text = columnTerm().ReplaceAllString(text, "\x00$1\x00")
		text = textTerm().ReplaceAllStringFunc(text, func(s string) string { return importers.Text(s[1 : len(s)-1]) })
		parts := strings.Split(text, "\x00")
		for i := 1; i < len(parts); i += 2 {
			parts[i] = importers.Column(parts[i])
		}
		return equals().ReplaceAllString(strings.Join(parts, ""), "="), ""
	}
	return text, ""
}

// operators are those of comparisons, in SQL.
var operators = map[string]string{"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "IN": "IN",
	"NOT_IN": "NOT IN"}

// object reads a row_condition that is an object, as version 1 writes them: a comparison, a
// test for NULL, or several of these joined by and, or.
func object(n *yaml.Node) (sql, why string) {
	kind := importers.Word(importers.Under(n, "type"))
	keys, known := map[string]string{
		"comparison": "type column operator parameter", "nullity": "type column is_null",
		"and": "type conditions", "or": "type conditions",
	}[kind]
	if !known {
		return "", "row_condition: the type " + strconv.Quote(kind) + " is not known"
	}
	for _, f := range importers.Pairs(n) {
		if !strings.Contains(" "+keys+" ", " "+f.Name+" ") {
			return "", "row_condition: " + f.Name + " of a " + kind + " is not known"
		}
	}
	if kind == "and" || kind == "or" {
		return joined(importers.Items(importers.Under(n, "conditions")), " "+strings.ToUpper(kind)+" ")
	}
	name := importers.Word(importers.Under(n, "column", "name"))
	if name == "" {
		return "", "row_condition: a " + kind + " names no column"
	}
	if kind == "comparison" {
		return comparison(importers.Column(name), n)
	}
	switch importers.Word(importers.Under(n, "is_null")) {
	case "true":
		return importers.Column(name) + " IS NULL", ""
	case "false":
		return importers.Column(name) + " IS NOT NULL", ""
	}
	return "", "row_condition: want is_null as true or false"
}

func joined(conditions []*yaml.Node, word string) (sql, why string) {
	if len(conditions) == 0 {
		return "", "row_condition: it joins no conditions"
	}
	parts := make([]string, len(conditions))
	for i, c := range conditions {
		if parts[i], why = object(c); why != "" {
			return "", why
		}
	}
	if len(parts) == 1 {
		return parts[0], ""
	}
	return "(" + strings.Join(parts, ")"+word+"(") + ")", ""
}

// comparison compares a column with a value, or with a list of values.
func comparison(column string, n *yaml.Node) (sql, why string) {
	word, parameter := importers.Word(importers.Under(n, "operator")), importers.Under(n, "parameter")
	operator := operators[word]
	switch {
	case operator == "":
		return "", "row_condition: the operator " + strconv.Quote(word) + " is not known"
	case word != "IN" && word != "NOT_IN":
		value, why := constant(parameter)
		return column + " " + operator + " " + value, why
	}
	var values []string
	for _, item := range importers.Items(parameter) {
		value, why := constant(item)
		if why != "" {
			return "", why
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return "", "row_condition: " + word + " has no list of values"
	}
	return column + " " + operator + " (" + strings.Join(values, ", ") + ")", ""
}

// constant returns a text, a number or a truth value as SQL.
func constant(n *yaml.Node) (sql, why string) {
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", "row_condition: its parameter is no text, number or truth value"
	}
	switch n.ShortTag() {
	case "!!str":
		return importers.Text(n.Value), ""
	case "!!int", "!!float":
		if number().MatchString(n.Value) {
			return n.Value, ""
		}
	case "!!bool":
		return strings.ToLower(n.Value), ""
	}
	return "", "row_condition: its parameter is no text, number or truth value: " + n.Value
}

var number = regexOf(`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`)
