package outbound

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Secrets shorter than this are not looked for: they are part of any text.
const shortestSecret = 4

// shortestPart is the minimum length of a part of a path that is replaced by itself.
const shortestPart = 6

// hidden stands where a secret was.
const hidden = "***"

// schemes are words of an Authorization header that are no secret.
var schemes = []string{"bearer", "basic", "token", "digest", "apikey", "negotiate"}

// Scrub replaces secrets in a text by ***. It also replaces the parts that would
// disclose a secret: the words of a header, and every part of an address but its host.
// It finds them as they are, in any case of letters, and as URLs, JSON, HTML, base64
// and hex write them. A text that holds one in another mixture of these is not shown.
func Scrub(text string, secrets ...string) string {
	var parts []string
	for _, secret := range secrets {
		parts = append(parts, partsOf(secret)...)
	}
	if len(parts) == 0 || text == "" {
		return text
	}
	var all []string
	for _, p := range parts {
		all = append(all, formsOf(p)...)
	}
	slices.SortFunc(all, func(a, b string) int { // the longest first
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	all = slices.Compact(all)
	for _, form := range all {
		text = replaceFold(text, form)
	}
	if !strings.ContainsAny(text, `%&\\`) {
		return text
	}
	for _, decoded := range decode(text) {
		lower := asciiLower(decoded)
		if slices.ContainsFunc(all, func(form string) bool { return strings.Contains(lower, asciiLower(form)) }) {
			return hidden + " (not shown: it repeats a secret)"
		}
	}
	return text
}

// partsOf returns what of a secret is looked for.
func partsOf(secret string) (parts []string) {
	add := func(least int, words ...string) {
		for _, w := range words {
			if len(w) >= max(least, shortestSecret) && !slices.Contains(schemes, strings.ToLower(w)) {
				parts = append(parts, w)
			}
		}
	}
	add(0, secret)
	if u, err := url.Parse(secret); err == nil && u.Host != "" {
		if u.User != nil {
			password, _ := u.User.Password()
			add(0, password, u.User.Username()+":"+password)
		}
		add(0, u.RequestURI())
		for _, part := range strings.Split(u.EscapedPath(), "/") {
			plain, err := url.PathUnescape(part)
			if err != nil {
				plain = part
			}
			add(shortestPart, part, plain)
		}
		for _, values := range u.Query() {
			add(0, values...)
		}
		add(shortestPart, u.Fragment)
		return parts
	}
	add(shortestPart, strings.FieldsFunc(secret, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(";,=&", r)
	})...)
	if scheme, word, ok := strings.Cut(secret, " "); ok && slices.Contains(schemes, strings.ToLower(scheme)) {
		add(0, word)
		if plain, err := base64.StdEncoding.DecodeString(word); err == nil && strings.EqualFold(scheme, "basic") {
			_, password, _ := strings.Cut(string(plain), ":")
			add(0, string(plain), password)
		}
	}
	return parts
}

// formsOf returns how a word may be written.
func formsOf(word string) []string {
	forms := []string{word, url.QueryEscape(word), url.PathEscape(word), html.EscapeString(word),
		hex.EncodeToString([]byte(word))}
	if quoted, err := json.Marshal(word); err == nil {
		inner := string(quoted[1 : len(quoted)-1])
		forms = append(forms, inner, strings.ReplaceAll(inner, "/", `\/`))
	}
	quoted := strconv.Quote(word)
	forms = append(forms, quoted[1:len(quoted)-1])
	for offset := range 3 {
		padded := append(make([]byte, offset), word...)
		encoded := base64.RawStdEncoding.EncodeToString(padded)
		// The characters at both ends also depend on what stands before and after.
		from, to := []int{0, 2, 3}[offset], len(padded)*8/6
		if core := encoded[from:to]; len(core) >= 2*shortestSecret {
			forms = append(forms, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
		}
	}
	return forms
}

// replaceFold replaces a word in any case of its ASCII letters.
func replaceFold(text, word string) string {
	lower, find := asciiLower(text), asciiLower(word)
	if !strings.Contains(lower, find) {
		return text
	}
	var b strings.Builder
	for {
		at := strings.Index(lower, find)
		if at < 0 {
			return b.String() + text
		}
		b.WriteString(text[:at] + hidden)
		text, lower = text[at+len(find):], lower[at+len(find):]
	}
}

// asciiLower keeps the length of a text, unlike strings.ToLower.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

var (
	percentForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[0-9A-Fa-f]{2}`) })
	jsonForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|["\\/])`) })
)

// layers is how many escapes around each other are taken off.
const layers = 4

// decode returns a text without escapes of URLs, JSON and HTML, taken off in any order.
func decode(text string) []string {
	seen := []string{text}
	for from, layer := 0, 0; layer < layers; layer++ {
		to := len(seen)
		for _, t := range seen[from:to] {
			for _, plain := range []string{decodePercent(t), decodeJSON(t), html.UnescapeString(t)} {
				if !slices.Contains(seen, plain) {
					seen = append(seen, plain)
				}
			}
		}
		from = to
	}
	return seen
}

func decodePercent(text string) string {
	return percentForm().ReplaceAllStringFunc(text, func(s string) string {
		b, err := hex.DecodeString(s[1:])
		if err != nil {
			return s
		}
		return string(b)
	})
}

func decodeJSON(text string) string {
	return jsonForm().ReplaceAllStringFunc(text, func(s string) string {
		var out string
		if err := json.Unmarshal([]byte(`"`+s+`"`), &out); err != nil {
			return s
		}
		return out
	})
}
