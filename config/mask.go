package config

import "strings"

// secretLine matches a key whose value is, or may hold, a secret. The arguments of a command
// do, wherever it stands on its line.
var secretLine = pattern(`^(\s*-?\s*["']?\w*(?:dsn|token|password|secret|url|key)["']?:\s*)\S.*$|` +
	`(\w_command["']?:\s*)\S.*$`)

// secretBlock matches a key that may have a secret on the lines below it.
var secretBlock = pattern(`(?:^\s*(?:-\s+)*|[{,]\s*)(["']?(?:\w*(?:dsn|token|password|secret|headers|url)|` +
	`(?:access|secret|api|routing)_key|\w+_command)["']?):(?:\s|$)`)

// maskLine hides the value of a key that holds a secret, and all of a line that is hidden.
func maskLine(line string, hidden bool) string {
	if hidden {
		return line[:indentOf(line)] + "***"
	}
	return secretLine().ReplaceAllString(line, "$1$2***")
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
