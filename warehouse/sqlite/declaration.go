package sqlite

import (
	"slices"
	"strings"
	"unicode"
)

// declaration is what the text of a CREATE TABLE says and no pragma does.
type declaration struct {
	columns map[string]declaredColumn
	checks  []declaredCheck
	// foreignKeys are whether and how each foreign key is deferrable, in order.
	foreignKeys []string
	options     string // after the columns, such as "strict"
	// conflicts are what primary and unique keys do with rows that break them, if they say so.
	conflicts []keyConflict
	virtual   string // module of a virtual table, with its arguments
}

// keyConflict is what a key does with a row that breaks it, such as "replace".
type keyConflict struct {
	primary bool
	columns []string
	then    string
}

type declaredColumn struct {
	collation  string
	expression string // of a generated column
	stored     bool
	// onNull is what happens to a row without a value, if the declaration says so.
	onNull        string
	autoincrement bool
}

type declaredCheck struct{ name, text string }

// readDeclaration reads a CREATE TABLE. It takes what it knows: SQLite has accepted the
// text already.
func readDeclaration(sql string) declaration {
	d := declaration{columns: map[string]declaredColumn{}}
	words := split(sql)
	if len(words) > 2 && strings.EqualFold(words[1], "VIRTUAL") {
		at := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, "USING") })
		d.virtual = strings.Join(words[at+1:], " ")
		return d
	}
	open := -1
	for i, w := range words {
		if strings.HasPrefix(w, "(") {
			open = i
			break
		}
	}
	if open < 0 {
		return d
	}
	d.options = strings.ToLower(strings.Join(words[open+1:], " "))
	var item []string
	for _, w := range append(split(inside(words[open])), ",") {
		if w != "," {
			item = append(item, w)
			continue
		}
		d.item(item)
		item = nil
	}
	return d
}

// item reads a column or a constraint of the table.
func (d *declaration) item(words []string) {
	if len(words) == 0 {
		return
	}
	column := ""
	switch strings.ToUpper(words[0]) {
	case "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN":
	default:
		column = unquoted(words[0])
		words = words[1:]
	}
	of := d.columns[column]
	d.keyConflicts(column, words)
	name := ""
	for i, w := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch strings.ToUpper(w) {
		case "CONSTRAINT":
			name = unquoted(next)
		case "COLLATE":
			of.collation = strings.ToLower(unquoted(next))
		case "CHECK":
			d.checks = append(d.checks, declaredCheck{name, "check " + next})
			name = ""
		case "AS":
			of.expression = inside(next)
		case "STORED":
			of.stored = true
		case "AUTOINCREMENT":
			of.autoincrement = true
		case "NULL":
			if i > 0 && strings.EqualFold(words[i-1], "NOT") {
				of.onNull = onConflict(words[i+1:])
			}
		case "REFERENCES":
			d.foreignKeys = append(d.foreignKeys, deferral(words[i:]))
		}
	}
	if column != "" {
		d.columns[column] = of
	}
}

// keyConflicts reads the keys of an item that say what happens to rows that break them.
func (d *declaration) keyConflicts(column string, words []string) {
	for i, w := range words {
		k := keyConflict{primary: strings.EqualFold(w, "PRIMARY")}
		if !k.primary && !strings.EqualFold(w, "UNIQUE") {
			continue
		}
		rest := words[i+1:]
		for len(rest) > 0 && slices.Contains([]string{"KEY", "ASC", "DESC"}, strings.ToUpper(rest[0])) {
			rest = rest[1:]
		}
		k.columns = []string{column}
		if column == "" && len(rest) > 0 {
			k.columns, rest = keyColumns(rest[0]), rest[1:]
		}
		if k.then = onConflict(rest); k.then != "" {
			d.conflicts = append(d.conflicts, k)
		}
	}
}

// keyColumns are the columns of a key in parentheses.
func keyColumns(list string) (columns []string) {
	first := true
	for _, w := range split(inside(list)) {
		if first {
			columns = append(columns, unquoted(w))
		}
		first = w == ","
	}
	return columns
}

// onConflict returns what the words ON CONFLICT at the beginning say; "" for what is the
// default.
func onConflict(words []string) string {
	if len(words) < 3 || !strings.EqualFold(words[0], "ON") || !strings.EqualFold(words[1], "CONFLICT") ||
		strings.EqualFold(words[2], "ABORT") {
		return ""
	}
	return strings.ToLower(words[2])
}

// deferral returns when a foreign key is checked; "" for at once.
func deferral(words []string) string {
	text := strings.ToUpper(strings.Join(words, " "))
	switch {
	case strings.Contains(text, "NOT DEFERRABLE"):
		return ""
	case strings.Contains(text, "DEFERRABLE INITIALLY DEFERRED"):
		return "deferrable initially deferred"
	}
	return "" // DEFERRABLE alone is the default in all but name
}

// split splits a text into words, names and literals with their quotes, signs, and what
// stands in parentheses, which is one part. Comments are left out.
func split(sql string) []string {
	var out []string
	for sql != "" {
		size := 1
		switch r := sql[0]; {
		case unicode.IsSpace(rune(r)):
			sql = sql[1:]
			continue
		case strings.HasPrefix(sql, "--"):
			size = until(sql, "\n")
			sql = sql[size:]
			continue
		case strings.HasPrefix(sql, "/*"):
			size = until(sql, "*/")
			sql = sql[size:]
			continue
		case r == '(':
			size = parenthesis(sql)
		case r == '\'' || r == '"' || r == '`' || r == '[':
			size = quotedSize(sql)
		case wordByte(r):
			for size < len(sql) && wordByte(sql[size]) {
				size++
			}
		}
		out = append(out, sql[:size])
		sql = sql[size:]
	}
	return out
}

func wordByte(b byte) bool {
	return b == '_' || b == '$' || b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

func until(sql, end string) int {
	if i := strings.Index(sql, end); i >= 0 {
		return i + len(end)
	}
	return len(sql)
}

// quotedSize is the length of the name or literal that the text begins with.
func quotedSize(sql string) int {
	end := sql[0]
	if end == '[' {
		end = ']'
	}
	for i := 1; i < len(sql); i++ {
		if sql[i] != end {
			continue
		}
		if i+1 < len(sql) && sql[i+1] == end && end != ']' {
			i++
			continue
		}
		return i + 1
	}
	return len(sql)
}

// parenthesis is the length of the parenthesis that the text begins with.
func parenthesis(sql string) int {
	depth := 0
	for i := 0; i < len(sql); i++ {
		switch {
		case sql[i] == '(':
			depth++
		case sql[i] == ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case sql[i] == '\'' || sql[i] == '"' || sql[i] == '`' || sql[i] == '[':
			i += quotedSize(sql[i:]) - 1
		case strings.HasPrefix(sql[i:], "--"):
			i += until(sql[i:], "\n") - 1
		case strings.HasPrefix(sql[i:], "/*"):
			i += until(sql[i:], "*/") - 1
		}
	}
	return len(sql)
}

func inside(parenthesis string) string {
	return strings.TrimSuffix(strings.TrimPrefix(parenthesis, "("), ")")
}

func unquoted(name string) string {
	if len(name) < 2 || !strings.ContainsRune("\"`['", rune(name[0])) {
		return name
	}
	mark := name[len(name)-1:]
	return strings.ReplaceAll(name[1:len(name)-1], mark+mark, mark)
}
