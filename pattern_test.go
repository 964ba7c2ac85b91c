package sentinel_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

func FuzzNamesComeBackExactly(f *testing.F) {
	for _, name := range []string{
		"t", "p%ct", "a*b", "*", "%", "a.b", `a"b`, `"`, `""`, "a b", "Größe", "x/y", `\`, "[x]", "a?b", "\t", ".", "A",
	} {
		f.Add("public", name)
		f.Add(name, "t")
	}
	f.Fuzz(func(t *testing.T, schema, name string) {
		if schema == "" || name == "" {
			return // no engine has such names
		}
		want := sentinel.Table{Warehouse: "w", Schema: schema, Name: name}
		text := want.String()
		got, err := sentinel.ParseTable(text)
		if err != nil || got != want {
			t.Fatalf("%+v is written %s and read as %+v, %v", want, text, got, err)
		}
		p, err := sentinel.ParsePattern(text)
		if err != nil || p.Wild() || !p.Matches(want) || p.String() != text {
			t.Fatalf("%s is read as the pattern %+v, %v", text, p, err)
		}
		if !sentinel.MatchName(text, want.Warehouse, want.Schema, want.Name) {
			t.Fatalf("%s does not match itself", text)
		}
	})
}

// TestExactNamesMatchOneTable draws names of few characters, among them all that have a
// meaning in patterns. The text of each matches that name and no other.
func TestExactNamesMatchOneTable(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(19, 4))
	draw := func() string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			b.WriteString([]string{"a", "B", "%", "*", ".", `"`, " ", "/", "?", `\`, "[", "ß"}[r.IntN(12)])
		}
		return b.String()
	}
	tables := map[sentinel.Table]bool{}
	for len(tables) < 600 {
		tables[sentinel.Table{Warehouse: "w", Schema: draw(), Name: draw()}] = true
	}
	for one := range tables {
		p, err := sentinel.ParsePattern(one.String())
		if err != nil {
			t.Fatalf("%s: %v", one, err)
		}
		for other := range tables {
			same := one == other
			if p.Matches(other) != same || sentinel.MatchName(one.String(), "w", other.Schema, other.Name) != same {
				t.Errorf("%s and %s: matched as the same %v, want %v", one, other, !same, same)
			}
		}
	}
}

// matchSlowly decides by trying every split of the text.
func matchSlowly(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case strings.ContainsAny(pattern[:1], "*%"):
		return matchSlowly(pattern[1:], text) || text != "" && matchSlowly(pattern, text[1:])
	}
	return text != "" && text[0] == pattern[0] && matchSlowly(pattern[1:], text[1:])
}

func TestWildcards(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(19, 5))
	draw := func(from string, most int) string {
		b := make([]byte, 1+r.IntN(most))
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		return string(b)
	}
	for range 20000 {
		pattern, text := draw("ab/*%", 6), draw("ab/", 8)
		if got, want := sentinel.MatchName(pattern, text), matchSlowly(pattern, text); got != want {
			t.Fatalf("%s and %s: %v, want %v", pattern, text, got, want)
		}
	}
	for _, c := range []struct {
		pattern string
		name    []string
		want    bool
	}{
		{"w.s.*", []string{"w", "s", "a.b"}, true},
		{"w.s.dim_%", []string{"w", "s", "dim_x/y"}, true},
		{`w.s."dim_%"`, []string{"w", "s", "dim_x"}, false},
		{`w.*."dim_%"`, []string{"w", "any", "dim_%"}, true},
		{"w.*", []string{"w", "s", "t"}, true},
		{`w.*"`, []string{"w", "s", "t"}, false},
		{"*orders*", []string{"w", "s", "my_orders_2"}, true},
		{`*."a*b"`, []string{"w", "s", "axb"}, false},
		{`*."a*b"`, []string{"w", "s", "a*b"}, true},
		{"w.s.T", []string{"w", "s", "t"}, false},
	} {
		if got := sentinel.MatchName(c.pattern, c.name...); got != c.want {
			t.Errorf("%s and %q: %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestPatternsComeBack(t *testing.T) {
	t.Parallel()
	for text, wild := range map[string]bool{
		"w.t": false, "w.s.*": true, "w.dim_%.t": true, `w.s."dim_%"`: false, `w."a b".*x`: true, "w.s.a b%": true,
	} {
		p, err := sentinel.ParsePattern(text)
		if err != nil || p.Wild() != wild || p.String() != text {
			t.Errorf("%s: %s, wild %v, %v", text, p, p.Wild(), err)
		}
	}
}

func TestUsualTableNames(t *testing.T) {
	t.Parallel()
	orders := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "orders"}
	mixed := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "Orders"}
	dotted := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "a.b"}
	star := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "a*"}
	all := []sentinel.Table{orders, mixed, dotted, star}
	for pattern, want := range map[string][]sentinel.Table{
		"shop.public.orders":     {orders, mixed}, // case does not count
		"shop.orders":            {orders, mixed}, // in any schema
		"shop.Orders":            {orders, mixed},
		`shop.public."orders"`:   {orders}, // a part in quotes is exact
		`shop."public"."orders"`: {orders},
		`shop."public"."Orders"`: {mixed},
		`shop."Orders"`:          {mixed},
		`shop.public."a.b"`:      {dotted},
		`shop."a.b"`:             {dotted},
		"shop.public.a.b":        {dotted},
		`shop.public."a*"`:       {star},
		"shop.public.a*":         {dotted, star},
		"shop.a*":                {dotted, star},
		"shop.public.*":          all,
		"shop.*":                 all,
		"*":                      all,
		"shop.public.O*":         {mixed}, // case counts beside wildcards
		"other.public.orders":    nil,
		"shop.private.orders":    nil,
		"orders":                 nil,
		`shop.public."orders`:    nil, // CheckPatterns refuses it
	} {
		for _, table := range all {
			if got := sentinel.MatchTable(pattern, table); got != slices.Contains(want, table) {
				t.Errorf("%s names %s: %v", pattern, table, got)
			}
		}
	}
	if err := sentinel.CheckPatterns("shop.*", `shop."a.b"`); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{`shop.public."orders`, "shop..orders", ""} {
		if sentinel.CheckPatterns("shop.*", bad) == nil {
			t.Errorf("%q is no pattern", bad)
		}
	}
}

// TestNamesMatchWithoutRegardToCase holds that a name without quotes and wildcards is found
// as people write it, and that a pattern or a part in quotes is taken as it stands.
func TestNamesMatchWithoutRegardToCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		name    []string
		want    bool
	}{
		{"TMP", []string{"tmp"}, true},
		{"Ex.TMP", []string{"ex", "tmp"}, true},
		{"TMP", []string{"ex", "tmp"}, false},
		{`"TMP"`, []string{"tmp"}, false},
		{`"TMP"`, []string{"TMP"}, true},
		{`ex."TMP"`, []string{"EX", "TMP"}, true},
		{"TMP*", []string{"tmp"}, false},
		{"tmp*", []string{"tmp_a"}, true},
		{"TMP", []string{"tmp2"}, false},
	} {
		if got := sentinel.MatchFold(c.pattern, c.name...); got != c.want {
			t.Errorf("%s, %q: %v", c.pattern, c.name, got)
		}
	}
}
