package config

import (
	"slices"
	"strings"
	"testing"
)

// A dataset has its own tags in place of those of the defaults, sorted and each once; null means
// none. A pattern's tables have those of the pattern, and so do incidents that routes are asked of.
func TestTags(t *testing.T) {
	t.Parallel()
	const head = "warehouses: {w: {dsn: \"sqlite:x.db\"}}\ndefaults: {tags: [b, a]}\ndatasets:\n"
	for given, want := range map[string][]string{
		"": {"a", "b"}, "    tags: [pii, finance, pii]\n": {"finance", "pii"}, "    tags: null\n": nil, "    tags: []\n": nil,
		"    tags: [größe 1, team:x/y]\n": {"größe 1", "team:x/y"},
	} {
		c, err := parseText(head + "  - table: w.main.t\n" + given + "    checks: [row_count > 0]\n")
		if err != nil {
			t.Fatalf("%q: %v", given, err)
		}
		if d := c.Datasets[0]; !slices.Equal(d.Tags, want) || !slices.Equal(d.Incidents(d.Table)[0].Tags, want) {
			t.Errorf("%q: %q, want %q", given, d.Tags, want)
		}
	}
	for given, want := range map[string]string{
		"[a, '']": "is empty", "[' a']": "blanks", "['a*']": "wildcard", "['a,b']": "comma", "[\"a\\nb\"]": "printed",
		"[" + strings.Repeat("x", 65) + "]": "64", "[" + strings.Repeat("a, ", 21) + "b]": "at most 20", "{a: b}": "tags",
	} {
		_, err := parseText(head + "  - table: w.main.t\n    tags: " + given + "\n    checks: [row_count > 0]\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}
