package warehouse

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// Login opens connections by a DSN that may change. T is the form of the DSN that the
// engine's driver takes. All methods may be called concurrently.
type Login[T any] struct {
	dsn     sentinel.Secret
	sources secrets.Set
	parse   func(dsn string) (T, error)

	mu     sync.Mutex
	text   string // the DSN that parsed was made of
	parsed T
}

// NewLogin parses a DSN. The error has no secret of it.
func NewLogin[T any](dsn sentinel.Secret, parse func(dsn string) (T, error)) (*Login[T], error) {
	l := &Login[T]{dsn: dsn, sources: secrets.Of(dsn), parse: parse}
	_, _, err := l.current()
	return l, err
}

// DSN returns the DSN as it was last read. A connection that was opened by another one is
// not to be used again.
func (l *Login[T]) DSN() string { return l.dsn.Reveal() }

// Connect calls open with the DSN as it is now. If open fails with an [Error] of the kind
// Unauthorized, the DSN is read again, and open is called once more with the new one. dsn
// is the one that open was last called with.
func (l *Login[T]) Connect(ctx context.Context, open func(T) error) (dsn string, err error) {
	refused := func(err error) bool { return KindOf(err) == Unauthorized }
	err = l.sources.Try(ctx, refused, func() error {
		var parsed T
		var err error
		if parsed, dsn, err = l.current(); err != nil {
			return &Error{Kind: Unauthorized, Err: err}
		}
		return l.Scrub(open(parsed))
	})
	return dsn, err
}

// Scrub removes the secrets of the DSN from an error.
func (l *Login[T]) Scrub(err error) error { return ScrubDSN(err, l.dsn) }

func (l *Login[T]) current() (parsed T, dsn string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dsn = l.dsn.Reveal()
	if dsn == l.text && dsn != "" {
		return l.parsed, dsn, nil
	}
	if parsed, err = l.parse(dsn); err != nil {
		return parsed, dsn, l.Scrub(fmt.Errorf("dsn: %w", err))
	}
	l.parsed, l.text = parsed, dsn
	return parsed, dsn, nil
}

// ScrubDSN removes the secrets of a DSN from an error, also those that it had before it
// changed. [errors.Is] and [errors.As] see through it.
func ScrubDSN(err error, dsn sentinel.Secret) error {
	if err == nil {
		return nil
	}
	for _, text := range settings.Secrets(dsn) {
		for _, secret := range SecretsOf(text) {
			err = Scrub(err, secret)
		}
	}
	return err
}

// secretWords are the parameters of DSNs that hold a secret.
var secretWords = []string{"password", "passwd", "pwd", "sslpassword", "token", "secret"}

// SecretsOf returns the secrets of a DSN, the longest first: those of a URL, of
// user:password@address, of parameters such as ?password=, and of words such as
// password='secret'. It returns each as it stands there and as it is read.
func SecretsOf(dsn string) []string {
	var found []string
	add := func(s string) {
		if s == "" {
			return
		}
		found = append(found, s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(strconv.Quote(s), `"`))
		for _, decode := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
			if decoded, err := decode(s); err == nil {
				found = append(found, decoded)
			}
		}
	}
	rest := dsn
	if _, after, ok := strings.Cut(dsn, "://"); ok {
		rest = after
	}
	add(passwordBefore(rest))
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		password, _ := u.User.Password()
		add(password)
	}
	for _, word := range secretWords {
		for at := range wordsNamed(dsn, word) {
			add(at)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(slices.DeleteFunc(found, func(s string) bool { return s == "" }))
}

// passwordBefore returns the password of user:password@address. The password may hold @
// and / that a URL would have to write otherwise.
func passwordBefore(rest string) string {
	end := strings.LastIndex(rest, "@")
	if query := strings.IndexByte(rest, '?'); query >= 0 && strings.Contains(rest[:query], "@") {
		end = strings.LastIndex(rest[:query], "@")
	}
	if end < 0 {
		return ""
	}
	_, password, _ := strings.Cut(rest[:end], ":")
	return password
}

// wordsNamed yields the values of name=value in a DSN, whose values may be in quotes.
func wordsNamed(dsn, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		lower := lowerASCII(dsn)
		for from := 0; ; {
			at := strings.Index(lower[from:], name)
			if at < 0 {
				return
			}
			from += at + len(name)
			value := strings.TrimLeft(dsn[from:], " ")
			if value, ok := strings.CutPrefix(value, "="); ok {
				word := wordValue(strings.TrimLeft(value, " "))
				if !yield(word) || strings.Contains(word, `\`) && !yield(escaped().ReplaceAllString(word, "$1")) {
					return
				}
			}
		}
	}
}

// lowerASCII changes no other letters, so that every byte keeps its place.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// escaped matches a character with the backslash before it, by which libpq escapes it.
var escaped = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)\\(.)`) })

// wordValue returns the first value of the rest of a DSN.
func wordValue(rest string) string {
	if quoted, ok := strings.CutPrefix(rest, "'"); ok {
		end := strings.IndexByte(escaped().ReplaceAllStringFunc(quoted, func(s string) string {
			return strings.Repeat("_", len(s))
		}), '\'')
		if end < 0 {
			return quoted
		}
		return quoted[:end]
	}
	if end := strings.IndexAny(rest, "& \t\n"); end >= 0 {
		return rest[:end]
	}
	return rest
}
