package outbound_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/outbound"
)

// Whatever a secret is, and however one text repeats it, it cannot be read back from what
// is shown.
func TestNoSecretCanBeReadBack(t *testing.T) {
	t.Parallel()
	quote := func(s string) string {
		b, _ := json.Marshal(s) // of a string, which cannot fail
		return string(b)
	}
	type form struct{ write, read func(string) string }
	unquote := func(s string) string {
		for range 2 {
			s = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\/`, `/`, `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(s)
		}
		return s
	}
	unescape := func(s string) string {
		if out, err := url.QueryUnescape(s); err == nil {
			return out
		}
		return s
	}
	forms := map[string]form{
		"plain":  {func(s string) string { return s }, func(s string) string { return s }},
		"query":  {url.QueryEscape, unescape},
		"path":   {url.PathEscape, unescape},
		"html":   {html.EscapeString, html.UnescapeString},
		"json":   {quote, unquote},
		"json 2": {func(s string) string { return quote(quote(s)) }, unquote},
		"hex": {func(s string) string { return hex.EncodeToString([]byte(s)) }, func(s string) string {
			b, _ := hex.DecodeString(s) // what is left of it
			return string(b)
		}},
		"base64": {func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) }, func(s string) string {
			b, _ := base64.StdEncoding.DecodeString(s)
			return string(b)
		}},
	}
	forms["base64 in a query"] = form{
		func(s string) string { return url.QueryEscape(forms["base64"].write(s)) },
		func(s string) string { return forms["base64"].read(unescape(s)) },
	}
	const letters = `abcXYZ019+/=&%"\'<>@:;,.-_~ éß`
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		all := []rune(letters)
		var secret strings.Builder
		for range 8 + r.IntN(30) {
			secret.WriteRune(all[r.IntN(len(all))])
		}
		s := strings.TrimSpace(secret.String()) + "end9"
		for name, f := range forms {
			written := f.write(s)
			shown := outbound.Scrub("it says "+written+" here", s)
			rest := strings.TrimSuffix(strings.TrimPrefix(shown, "it says "), " here")
			if strings.Contains(shown, written) || strings.Contains(f.read(rest), s) {
				t.Fatalf("%q as %s: %q", s, name, shown)
			}
		}
	}
}

func TestPartsOfSecretsAreScrubbed(t *testing.T) {
	t.Parallel()
	for secret, texts := range map[string][]string{
		"Bearer abcd-1234":             {"abcd-1234", "Bearer abcd-1234", "ABCD-1234"},
		"Basic dXNlcjpwYXNzd29yZA==":   {"dXNlcjpwYXNzd29yZA", "user:password", "password"},
		"session=abcdef12; theme=dark": {"abcdef12"},
		"https://u:pa55w@h.example/a?k=ab12": {"pa55w", "u:pa55w", "ab12", "/a?k=ab12",
			base64.StdEncoding.EncodeToString([]byte("u:pa55w"))[:9]},
		"https://h.example/hooks/T0001%2Fab": {"T0001%2Fab", "T0001/ab"},
		"-----BEGIN\nMIIEvQIBADAN\n-----END": {"MIIEvQIBADAN"},
	} {
		for _, text := range texts {
			if got := outbound.Scrub("it says "+text+".", secret); strings.Contains(strings.ToLower(got), strings.ToLower(text)) {
				t.Errorf("%q of %q: %q", text, secret, got)
			}
		}
	}
	const fine = "h.example answers 401 Unauthorized: Bearer token of abc is wrong"
	if got := outbound.Scrub(fine, "", "abc", "Bearer 0123456789", "https://h.example/"); got != fine {
		t.Errorf("too much: %q", got)
	}
}
