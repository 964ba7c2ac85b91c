package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// special are the first characters of a text that YAML reads as something else.
var special = pattern("(?:^|[:\\-\\[{,]\\s+|\\[|\\{)([>*%@&!`|][^,}\\]#]*)")

// unquoted returns the advice on a text at a position, or before it in its line, that must
// stand in quotes; "" where there is none.
func (r *reader) unquoted(line, column int) string {
	lines := splitLines(r.source)
	if line < 1 || line > len(lines) {
		return ""
	}
	advice := ""
	for _, m := range special().FindAllStringSubmatchIndex(lines[line-1], -1) {
		text := strings.TrimSpace(lines[line-1][m[2]:m[3]])
		block := strings.Trim(text, ">|+-0123456789") == "" // of a block of text
		if m[2] < column && !block && !strings.ContainsAny(text, "\"'") {
			advice = fmt.Sprintf("a text that begins with %s is something else in YAML: put it in quotes: \"%s\"",
				text[:1], r.mask(text))
		}
	}
	return advice
}

// yamlAdvice returns what to do about a message of the parser.
func yamlAdvice(message string) string {
	for _, a := range []struct{ message, advice string }{
		{"mapping values are not allowed", ": put a text with a colon in quotes, or check the indentation of this line and " +
			"the one above"},
		{"did not find expected ',' or", ": close the bracket or brace, or put a text with : , [ ] { } in quotes"},
		{"did not find expected '-'", ": begin this line in the column of the lines above"},
		{"did not find expected key", ": begin this line in the column of the lines above"},
		{"could not find expected ':'", ": is a colon, a dash or a closing quote missing?"},
		{"found a tab character", ": write spaces"},
		{"found unexpected end of stream", ": is a closing quote missing?"},
	} {
		if strings.Contains(message, a.message) {
			return a.advice
		}
	}
	return ""
}

// notYAML refuses what a text without quotes becomes silently: an anchor, which nothing can
// refer to here, and a tag, which is cut from its text.
func (r *reader) notYAML(n *yaml.Node) {
	switch {
	case n.Anchor != "":
		r.wrong(n, "a text that begins with & is an anchor in YAML: put it in quotes: %q", "&"+n.Anchor)
	case n.Kind == yaml.ScalarNode && n.Style == 0 && strings.HasPrefix(n.Value, "“") && strings.HasSuffix(n.Value, "”"):
		r.wrong(n, "typographic quotes are part of the text: write plain ones: %q", strings.Trim(n.Value, "“”"))
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		r.wrong(n, "a text that begins with ! is a tag in YAML: put it in quotes: %q", strings.TrimSpace(n.Tag+" "+n.Value))
	}
	for _, c := range n.Content {
		r.notYAML(c)
	}
}
