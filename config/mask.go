package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// secretLine matches a key whose value is, or may hold, a secret. The arguments of a command
// do, wherever it stands on its line.
var secretLine = pattern(`^(\s*-?\s*["']?\w*(?:dsn|token|password|secret|url|key)["']?:\s*)\S.*$|` +
	`(\w_command["']?:\s*)\S.*$`)

// secretBlock matches a key that may have a secret on the lines below it.
var secretBlock = pattern(`(?:^\s*(?:-\s+)*|[{,]\s*)(["']?(?:\w*(?:dsn|token|password|secret|headers|url|env|lookup)|` +
	`(?:access|secret|api|routing)_key|\w+_command)["']?):(?:\s|$)`)

// secretInside matches a key within a line whose value is, or may hold, a secret, also where its
// name is not quite right.
var secretInside = pattern(`(?i)\w*(?:dsn|dns|token|passw\w*|passphrase|secret|credential|header|url|lookup|` +
	`env|(?:access|secret|api|auth|routing|private|signing)_?key)\w?["']?\s*:\s*`)

// maskLine hides the values of keys that hold a secret, and all of a line that is hidden.
func maskLine(line string, hidden bool) string {
	if hidden {
		return line[:indentOf(line)] + "***"
	}
	line = secretLine().ReplaceAllString(line, "$1$2***")
	for from := 0; from < len(line); {
		at := secretInside().FindStringIndex(line[from:])
		if at == nil {
			break
		}
		line, from = maskValue(line, from+at[1])
	}
	return line
}

// maskValue hides the value that begins at a byte of a line, and returns where the rest begins.
func maskValue(line string, begin int) (masked string, rest int) {
	end := begin + valueEnd(line[begin:])
	if end == begin {
		return line, begin
	}
	return line[:begin] + "***" + line[end:], begin + len("***")
}

// hideValue hides the value of an unknown key, unless it is a number or a switch.
func (r *reader) hideValue(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str" {
		return
	}
	if r.unknownValues == nil {
		r.unknownValues = map[int][]int{}
	}
	r.unknownValues[n.Line] = append(r.unknownValues[n.Line], n.Column)
}

// maskColumns hides the values that begin at columns of a line, counted from 1 in characters.
func maskColumns(line string, columns []int) string {
	for _, column := range slices.Backward(slices.Sorted(slices.Values(columns))) {
		if runes := []rune(line); column <= len(runes) {
			line, _ = maskValue(line, len(string(runes[:column-1])))
		}
	}
	return line
}

// valueEnd returns the length of the value that a text begins with: up to its closing quote or
// bracket, or to the comma or bracket after a plain one. What is not closed goes to the end.
func valueEnd(text string) int {
	if text == "" {
		return 0
	}
	if strings.ContainsRune(`"'[{`, rune(text[0])) {
		for i, depth := 0, 0; i < len(text); i++ {
			if text[i] == '"' || text[i] == '\'' {
				i += quoteEnd(text[i:]) - 1
			} else {
				depth += brackets(text[i : i+1])
			}
			if depth <= 0 {
				return min(i+1, len(text))
			}
		}
		return len(text)
	}
	if i := strings.IndexAny(text, ",}]"); i >= 0 {
		return i
	}
	return len(text)
}

// quoteEnd returns the length of the text in quotes that a text begins with.
func quoteEnd(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '\\' && text[0] == '"' {
			i++
		} else if text[i] == text[0] {
			return i + 1
		}
	}
	return len(text)
}

// hiddenLines tells which lines are below a key that holds a secret: they stand further to
// the right, are items of its list, or are before the end of its brackets.
func hiddenLines(lines []string) []bool {
	hidden := make([]bool, len(lines))
	column, open := -1, 0
	for i, line := range lines {
		indent, text := indentOf(line), strings.TrimSpace(line)
		below := column >= 0 && (text == "" || indent > column || indent == column && strings.HasPrefix(text, "-"))
		if below || open > 0 {
			hidden[i], open = true, max(0, open+brackets(line))
			continue
		}
		column, open = -1, 0
		if !strings.Contains(line, ":") {
			continue
		}
		if at := secretBlock().FindStringSubmatchIndex(line); at != nil {
			open = max(0, brackets(line[at[1]:]))
			if strings.Trim(line[:at[2]], " -") == "" {
				column = at[2]
			}
		}
	}
	return hidden
}

// brackets returns how many brackets a text opens more than it closes.
func brackets(text string) int {
	return strings.Count(text, "[") + strings.Count(text, "{") - strings.Count(text, "]") - strings.Count(text, "}")
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
