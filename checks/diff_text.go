package checks

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// token is a word, a literal or a sign of an SQL text.
type token struct {
	text string // of an identifier without its quotes; of a word in lower case
	raw  string
	word bool
}

// tokens splits an SQL text. White space is left out, but not that in literals.
func tokens(sql string) []token {
	var out []token
	for sql != "" {
		r, size := utf8.DecodeRuneInString(sql)
		switch {
		case unicode.IsSpace(r):
			sql = sql[size:]
			continue
		case r == '\'':
			size = quotedLength(sql, '\'')
			out = append(out, token{text: sql[:size], raw: sql[:size]})
		case r == '"' || r == '`':
			size = quotedLength(sql, byte(r))
			mark := sql[:1]
			name := strings.ReplaceAll(strings.TrimSuffix(sql[1:size], mark), mark+mark, mark)
			out = append(out, token{text: name, raw: sql[:size], word: true})
		case r == '[' && bracketed(sql) > 0 && (len(out) == 0 || !out[len(out)-1].word):
			size = bracketed(sql)
			out = append(out, token{text: strings.ToLower(sql[1 : size-1]), raw: sql[:size], word: true})
		case wordRune(r):
			size = len(sql)
			if i := strings.IndexFunc(sql, func(r rune) bool { return !wordRune(r) }); i >= 0 {
				size = i
			}
			out = append(out, token{text: strings.ToLower(sql[:size]), raw: sql[:size], word: true})
		default:
			out = append(out, token{text: sql[:size], raw: sql[:size]})
		}
		sql = sql[size:]
	}
	return out
}

// bracketed is the length of the name in brackets that the text begins with; 0 if it is no
// name.
func bracketed(sql string) int {
	end := strings.IndexByte(sql, ']')
	if end < 2 || strings.ContainsFunc(sql[1:end], func(r rune) bool { return !wordRune(r) && r != ' ' }) {
		return 0
	}
	return end + 1
}

func wordRune(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// quotedLength is the length of the literal or name that the text begins with. A quote
// inside is written twice.
func quotedLength(sql string, quote byte) int {
	for i := 1; i < len(sql); i++ {
		if sql[i] != quote {
			continue
		}
		if i+1 < len(sql) && sql[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(sql)
}

// renamedToken is the token with the present name of a column.
func renamedToken(t token, now map[string]string) token {
	if !t.word {
		return t
	}
	for _, name := range []string{t.text, t.raw} {
		if is, ok := now[name]; ok {
			return token{text: is, raw: quoteName(is), word: true}
		}
	}
	return t
}

// sameSQL reports whether two texts are the same but for white space, quotes, the case of
// words, and the names of columns that now has new names of.
func sameSQL(before, after string, now map[string]string) bool {
	return slices.EqualFunc(tokens(before), tokens(after), func(b, a token) bool {
		if b.text == a.text && b.word == a.word {
			return true
		}
		is := renamedToken(b, now).text
		return b.word && a.word && (is == a.text || strings.ToLower(is) == a.text)
	})
}

// sameColumns reports whether two texts are the same, and mention the same columns of the
// table: a column may have got a name that was another one's.
func (d *differ) sameColumns(before, after string, now map[string]string) bool {
	return slices.EqualFunc(tokens(before), tokens(after), func(b, a token) bool {
		is := renamedToken(b, now)
		switch {
		case b.word != a.word:
			return false
		case is != b && (is.text == a.text || strings.ToLower(is.text) == a.text):
			return true
		case b.text != a.text:
			return false
		case is != b:
			return columnOf(d.after, a) == nil // the word is no column
		}
		was := columnOf(d.before, b)
		return was == nil || !takesName(now, columnOf(d.after, a))
	})
}

// columnOf returns the column that a word of a text names; nil if it names none.
func columnOf(t *warehouse.Table, w token) *warehouse.Column {
	for i := range t.Columns {
		if c := &t.Columns[i]; w.word && (c.Name == w.text || c.Name == w.raw) {
			return c
		}
	}
	return nil
}

// takesName reports whether a column had another name before.
func takesName(now map[string]string, c *warehouse.Column) bool {
	if c == nil {
		return false
	}
	for old, is := range now {
		if is == c.Name && old != is {
			return true
		}
	}
	return false
}

// texts returns what is told of a fact that differs: its texts with the present names of
// columns. If they read the same, a column of another identity has the name.
func (d *differ) texts(before, after string) (was, is string) {
	was, is = d.renamed(before), after
	if was == is && was != "" {
		is += " (another column of that name)"
	}
	return was, is
}

// renamed returns a text of before with the present names of columns.
func (d *differ) renamed(sql string) string { return withNames(sql, d.now) }

// withNames returns a text with other names of columns. Names in backquotes stay in them.
func withNames(sql string, now map[string]string) string {
	if len(now) == 0 {
		return sql
	}
	var b strings.Builder
	rest := sql
	for _, t := range tokens(sql) {
		i := strings.Index(rest, t.raw)
		b.WriteString(rest[:i])
		is := renamedToken(t, now)
		if is != t && strings.HasPrefix(t.raw, "`") {
			is.raw = "`" + strings.ReplaceAll(is.text, "`", "``") + "`"
		}
		b.WriteString(is.raw)
		rest = rest[i+len(t.raw):]
	}
	b.WriteString(rest)
	return b.String()
}

// nameList lists names, in quotes where they are not plain words.
func nameList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quoteName(n)
	}
	return strings.Join(quoted, ", ")
}

func quoteName(name string) string {
	odd := strings.IndexFunc(name, func(r rune) bool { return !wordRune(r) || unicode.IsUpper(r) })
	if odd < 0 && name != "" || strings.HasPrefix(name, "(") { // an index's expression stands in parentheses
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// shownLength is how many characters of a text a message shows.
const shownLength = 120

// shorten cuts a text for a message.
func shorten(s string) string {
	s = withoutLines(s)
	if r := []rune(s); len(r) > shownLength {
		return string(r[:shownLength-3]) + "..."
	}
	return s
}

// shortenPair cuts two texts for a message. Of long ones it shows the part that differs.
func shortenPair(before, after string) (string, string) {
	before, after = withoutLines(before), withoutLines(after)
	b, a := []rune(before), []rune(after)
	if len(b) <= shownLength && len(a) <= shownLength {
		return before, after
	}
	const context = 30
	same := 0
	for same < len(b) && same < len(a) && b[same] == a[same] {
		same++
	}
	start := max(same-context, 0)
	return window(b, start), window(a, start)
}

// withoutLines writes a text of several lines as one.
func withoutLines(s string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.TrimSpace(strings.Join(lines, " "))
}

// window shows a part of a text from start on.
func window(text []rune, start int) string {
	start = min(start, len(text))
	end := min(start+shownLength, len(text))
	out := string(text[start:end])
	if start > 0 {
		out = "..." + out
	}
	if end < len(text) {
		out += "..."
	}
	return out
}
