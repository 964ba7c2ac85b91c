package checks

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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

// renamed returns a text of before with the present names of columns.
func (d *differ) renamed(sql string) string {
	if len(d.now) == 0 {
		return sql
	}
	var b strings.Builder
	rest := sql
	for _, t := range tokens(sql) {
		i := strings.Index(rest, t.raw)
		b.WriteString(rest[:i])
		b.WriteString(renamedToken(t, d.now).raw)
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
