package warehouse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// QuerySyntax says what a statement of a user may be on an engine.
type QuerySyntax struct {
	Reading       []string // first words of statements that only read, in upper case
	Forbidden     []string // functions that act outside of the statement's transaction, in lower case
	Pragmas       []string // that only read, in lower case, for engines with PRAGMA
	IntoIsWriting bool     // SELECT ... INTO writes a file, a table or a variable
}

// QueryReader is a dialect with statements beside standard SQL's that read, or with
// functions that do more.
type QueryReader interface {
	// QuerySyntax returns the rules of the engine.
	QuerySyntax() QuerySyntax
}

// ReadingWords are the first words of standard statements that only read.
var ReadingWords = []string{"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC"}

// CheckQuery refuses a statement of a user's own that is not one statement, or that is
// known to do more than reading. The session refuses what it cannot know: the functions
// that a statement calls may write.
func CheckQuery(d Dialect, sql string) error {
	syntax := QuerySyntax{Reading: ReadingWords}
	if r, ok := d.(QueryReader); ok {
		syntax = r.QuerySyntax()
	}
	words := lexerOf(d, sql).tokens()
	for len(words) > 0 && words[len(words)-1] == ";" {
		words = words[:len(words)-1]
	}
	if slices.Contains(words, ";") {
		return errors.New("the query is more than one statement: want one that reads")
	}
	begin := slices.IndexFunc(words, func(w string) bool { return w != "(" })
	if begin < 0 {
		return errors.New("the query is empty: want a statement that reads")
	}
	first := strings.ToUpper(words[begin])
	if !slices.Contains(syntax.Reading, first) {
		return fmt.Errorf("the query begins with %s: want a statement that only reads, such as %s",
			shown(first), strings.Join(syntax.Reading, ", "))
	}
	if first == "PRAGMA" {
		return checkPragma(syntax, words[begin+1:])
	}
	for i, w := range words {
		switch {
		case slices.Contains(syntax.Forbidden, strings.TrimPrefix(w, `"`)) && i+1 < len(words) && words[i+1] == "(":
			return fmt.Errorf("the query calls %s, which does more than reading", strings.TrimPrefix(w, `"`))
		case w == "(" && i+2 < len(words) && writes(words[i+1], words[i+2]):
			return fmt.Errorf("the query has %s %s, which does more than reading",
				strings.ToUpper(words[i+1]), strings.ToUpper(words[i+2]))
		case w == "into" && syntax.IntoIsWriting:
			return errors.New("the query has INTO, which does more than reading")
		}
	}
	return nil
}

// writes reports whether two words begin a statement that writes, as in WITH x AS (DELETE FROM t).
func writes(word, next string) bool {
	return word == "delete" && next == "from" || (word == "insert" || word == "merge") && next == "into"
}

// shown cuts a word of a user for a message.
func shown(word string) string {
	if len(word) > 40 {
		return word[:40] + "..."
	}
	return word
}

// checkPragma refuses a PRAGMA that sets something.
func checkPragma(syntax QuerySyntax, words []string) error {
	if len(words) > 2 && words[1] == "." {
		words = words[2:]
	}
	if len(words) == 0 || !slices.Contains(syntax.Pragmas, words[0]) || slices.Contains(words, "=") {
		return fmt.Errorf("the query is a PRAGMA that may do more than reading: want one of %s",
			strings.Join(syntax.Pragmas, ", "))
	}
	return nil
}

// literal stands for a literal among the tokens, and for a quoted name that is no word.
// One that is a word has a double quote in front.
const literal = "''"

// quotedToken is the token of a text in quotes.
func quotedToken(text string) string {
	name := strings.ToLower(text[1:max(1, len(text)-1)])
	if text[0] == '\'' || strings.ContainsFunc(name, func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) }) {
		return literal
	}
	return `"` + name
}

// tokens splits a statement into words in lower case, and other characters. It leaves
// comments out. What is in a comment that the engine runs is none.
func (l *lexer) tokens() (out []string) {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		if n := l.markOfRunComment(rest); n > 0 {
			l.at += n
			continue
		}
		start := l.at
		skipped, err := l.skip()
		switch c := rest[0]; {
		case err != nil: // the database says what is wrong with the statement
			return append(out, literal)
		case skipped && (c == '-' || c == '#' || c == '/'):
		case skipped:
			out = append(out, quotedToken(l.sql[start:l.at]))
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			l.at++
		case wordByte(c):
			for l.at < len(l.sql) && wordByte(l.sql[l.at]) {
				l.at++
			}
			out = append(out, strings.ToLower(l.sql[start:l.at]))
		default:
			out = append(out, string(c))
			l.at++
		}
	}
	return out
}

// markOfRunComment returns the length of what begins or ends a comment whose text is run.
func (l *lexer) markOfRunComment(rest string) int {
	if !l.MySQLComments {
		return 0
	}
	for _, mark := range []string{"/*!", "/*M!"} {
		if text, ok := strings.CutPrefix(rest, mark); ok {
			return len(rest) - len(strings.TrimLeft(text, "0123456789"))
		}
	}
	if strings.HasPrefix(rest, "*/") {
		return len("*/")
	}
	return 0
}

// RowSource is a query that stands in for a table.
type RowSource interface {
	// Query writes the query, whose columns have the names of the table's. It appends the
	// values of its parameters to args. The first of them has the number len(*args)+1.
	Query(d Dialect, args *[]any) (string, error)
}

// Words returns the words of SQL in lower case, and its quoted names without their
// quotes. Texts and comments are left out.
func Words(d Dialect, sql string) (words []string) {
	for _, w := range lexerOf(d, sql).tokens() {
		w = strings.TrimPrefix(w, `"`)
		if w != "" && w != literal && wordByte(w[0]) {
			words = append(words, w)
		}
	}
	return words
}

// Calls returns what SQL does beside comparing: the functions that it calls and its operators
// for patterns, and the words before other parentheses, in lower case.
func Calls(d Dialect, sql string) (calls []string) {
	tokens := lexerOf(d, sql).tokens()
	for i, token := range tokens {
		word := strings.TrimPrefix(token, `"`)
		switch {
		case token == "~", slices.Contains(patternWords, token):
			calls = append(calls, token)
		case i+1 < len(tokens) && tokens[i+1] == "(" && word != "" && word != literal && wordByte(word[0]):
			calls = append(calls, word)
		}
	}
	return calls
}

// patternWords are the words of conditions that cost more than a comparison.
var patternWords = []string{
	"like", "ilike", "rlike", "regexp", "similar", "glob", "match", "select", "exists", "case",
}
