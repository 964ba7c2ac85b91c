package warehouse

import (
	"errors"
	"fmt"
	"strings"
)

// Lexicon says how a dialect writes comments, quotes and parameters, where it differs from
// standard SQL.
type Lexicon struct {
	// Parameters are the characters that begin a parameter: '?', '$' before a digit, and
	// ':' or '@' before a name.
	Parameters string
	// NamedDollar says that '$' begins a parameter also before a name.
	NamedDollar bool
	// DollarQuotes says that $$ and $tag$ quote texts.
	DollarQuotes bool
	// Backslashes says that a backslash escapes a character in quotes.
	Backslashes bool
	// EscapeStrings says that E'...' has backslashes.
	EscapeStrings bool
	// MySQLComments says that # begins a comment, that -- does so only before a blank,
	// and that the text in /*! */ and /*M! */ is no comment.
	MySQLComments bool
	// Brackets says that [...] quotes a name.
	Brackets bool
	// NestedComments says that comments in /* */ nest.
	NestedComments bool
}

// Lexer is a dialect that does not write standard SQL, or that has parameters.
type Lexer interface {
	Lexicon() Lexicon
}

// CheckParameters refuses a statement of a user that holds a parameter. Sentinel would bind
// values of its own to it, or none.
func CheckParameters(d Dialect, sql string) error { return lexerOf(d, sql).check(false) }

// CheckFilter refuses a condition of a user that reaches into the statement around it: by a
// parameter, a semicolon, or a quote, comment or parenthesis that does not end in it.
func CheckFilter(d Dialect, condition string) error { return lexerOf(d, condition).check(true) }

// WithoutEnd returns a statement of a user without the semicolons and comments that it ends in,
// so that it can stand in parentheses.
func WithoutEnd(d Dialect, sql string) string {
	l, end := lexerOf(d, sql), 0
	for l.at < len(sql) {
		c := sql[l.at]
		skipped, err := l.skip()
		switch {
		case err != nil:
			return sql // the database says what is wrong with it
		case skipped && (c == '-' || c == '#' || c == '/'):
		case skipped:
			end = l.at
		default:
			l.at++
			if strings.IndexByte("; \t\r\n\f\v", c) < 0 {
				end = l.at
			}
		}
	}
	return sql[:end]
}

func lexerOf(d Dialect, sql string) *lexer {
	l := &lexer{sql: sql}
	if own, ok := d.(Lexer); ok {
		l.Lexicon = own.Lexicon()
	}
	return l
}

// lexer reads the tokens of one text.
type lexer struct {
	Lexicon
	sql string
	at  int
}

func (l *lexer) check(filter bool) error {
	depth := 0
	for l.at < len(l.sql) {
		if p := l.parameter(); p != "" {
			return fmt.Errorf("it has the parameter %s, to which nothing is bound: "+
				"write the value, or put the text in quotes", p)
		}
		skipped, err := l.skip()
		switch {
		case err != nil && filter:
			return err
		case err != nil:
			return nil // the database says what is wrong with the statement
		case skipped:
			continue
		}
		switch c := l.sql[l.at]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ';' && filter:
			return errors.New("it has a semicolon, which ends a statement: remove it, or put it in quotes")
		}
		if depth < 0 && filter {
			return errors.New("it closes a parenthesis that it does not open")
		}
		l.at++
	}
	if depth > 0 && filter {
		return errors.New("it opens a parenthesis that it does not close")
	}
	return nil
}

// parameter returns the parameter that begins here; "" if none does.
func (l *lexer) parameter() string {
	c := l.sql[l.at]
	rest := l.sql[l.at+1:]
	if !strings.ContainsRune(l.Parameters, rune(c)) {
		return ""
	}
	if l.at > 0 && (wordByte(l.sql[l.at-1]) || l.sql[l.at-1] == c) {
		return "" // inside of a name, or a cast such as a::text
	}
	n := 0
	for n < len(rest) && wordByte(rest[n]) && rest[n] != '$' {
		n++
	}
	switch {
	case c == '?':
		return "?" + rest[:n]
	case n == 0:
		return ""
	case c == '$' && !l.NamedDollar && (rest[0] < '0' || rest[0] > '9'):
		return ""
	case c == ':' && rest[0] >= '0' && rest[0] <= '9' && !l.NamedDollar:
		return "" // a slice of an array
	}
	return string(c) + rest[:n]
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skip skips a quoted text or name, or a comment, that begins here.
func (l *lexer) skip() (skipped bool, err error) {
	rest := l.sql[l.at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--") && !(l.MySQLComments && len(rest) > 2 && rest[2] > ' '),
		c == '#' && l.MySQLComments:
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		l.at += end
		return true, nil
	case (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")) && l.MySQLComments:
		return false, nil
	case strings.HasPrefix(rest, "/*"):
		return true, l.skipComment()
	case c == '\'', c == '"', c == '`':
		return true, l.skipQuoted(c, l.Backslashes && c != '`' || l.escapeString(c))
	case c == '[' && l.Brackets:
		return true, l.skipQuoted(']', false)
	case c == '$' && l.DollarQuotes && (l.at == 0 || !wordByte(l.sql[l.at-1])):
		return l.skipDollarQuoted(rest)
	}
	return false, nil
}

// escapeString reports whether the quote here follows the E of E'...'.
func (l *lexer) escapeString(quote byte) bool {
	if !l.EscapeStrings || quote != '\'' || l.at == 0 || l.sql[l.at-1]|0x20 != 'e' {
		return false
	}
	return l.at == 1 || !wordByte(l.sql[l.at-2])
}

// skipQuoted skips what is in quotes. A quote that is doubled does not end it.
func (l *lexer) skipQuoted(end byte, backslashes bool) error {
	for l.at++; l.at < len(l.sql); l.at++ {
		switch {
		case backslashes && l.sql[l.at] == '\\':
			l.at++
		case l.sql[l.at] != end:
		case l.at+1 < len(l.sql) && l.sql[l.at+1] == end:
			l.at++
		default:
			l.at++
			return nil
		}
	}
	return fmt.Errorf("it has a quote %c without an end", end)
}

func (l *lexer) skipComment() error {
	depth := 0
	for ; l.at < len(l.sql); l.at++ {
		rest := l.sql[l.at:]
		switch {
		case strings.HasPrefix(rest, "/*"):
			if depth == 0 || l.NestedComments {
				depth++
			}
			l.at++
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.at++
			if depth == 0 {
				l.at++
				return nil
			}
		}
	}
	return errors.New("it has a comment /* without an end")
}

// skipDollarQuoted skips $tag$...$tag$.
func (l *lexer) skipDollarQuoted(rest string) (skipped bool, err error) {
	n := strings.IndexByte(rest[1:], '$')
	if n < 0 || n > 0 && rest[1] >= '0' && rest[1] <= '9' || strings.ContainsFunc(rest[1:1+n], func(r rune) bool {
		return r < 0x80 && !wordByte(byte(r))
	}) {
		return false, nil
	}
	tag := rest[:n+2]
	end := strings.Index(rest[len(tag):], tag)
	if end < 0 {
		return false, fmt.Errorf("it has a quote %s without an end", tag)
	}
	l.at += 2*len(tag) + end
	return true, nil
}
