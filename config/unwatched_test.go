package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestWatchedIsWhatResolves draws tables and entries: a table is watched where an entry resolves
// to it, and is excluded only where a pattern would match it without its exclude.
func TestWatchedIsWhatResolves(t *testing.T) {
	t.Parallel()
	words := []string{"a", "b", "ab", "A", "a_1"}
	parts := []string{"a", "b", "A", `"A"`, `"a"`, "a*", "%b", "*", "a_1"}
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := &warehouse.Catalog{DefaultSchema: "a", Tables: map[warehouse.TableName]*warehouse.Table{}}
		for range 8 {
			n := warehouse.TableName{Schema: words[rng.IntN(len(words))], Name: words[rng.IntN(len(words))]}
			c.Tables[n] = &warehouse.Table{TableName: n}
		}
		cfg := &Config{}
		for range 1 + rng.IntN(3) {
			name := "w." + parts[rng.IntN(len(parts))]
			if rng.IntN(3) > 0 {
				name += "." + parts[rng.IntN(len(parts))]
			}
			p, err := sentinel.ParsePattern(name)
			if err != nil {
				t.Fatal(err)
			}
			d := Dataset{Table: p.Table, Pattern: p}
			if p.Wild() && rng.IntN(2) == 0 {
				d.Exclude = []string{parts[rng.IntN(len(parts))]}
			}
			cfg.Datasets = append(cfg.Datasets, d)
		}
		resolved, whole := map[sentinel.Table]bool{}, map[sentinel.Table]bool{}
		for _, d := range cfg.Datasets {
			found, err := d.Resolve(c)
			if err != nil && !d.Pattern.Wild() {
				continue // the name means several tables
			}
			for _, one := range found {
				resolved[one.Table] = true
			}
			d.Exclude = nil
			if d.Pattern.Wild() {
				found, _ = d.Resolve(c)
				for _, one := range found {
					whole[one.Table] = true
				}
			}
		}
		w := cfg.Watched("w", c.DefaultSchema)
		for n := range c.Tables {
			one := sentinel.Table{Warehouse: "w", Schema: n.Schema, Name: n.Name}
			if resolved[one] && !w.Names(one) {
				t.Errorf("seed %d: %s is a dataset of %s, and is not watched", seed, one, names(cfg))
			}
			if w.Names(one) && !slices.ContainsFunc(cfg.Datasets, func(d Dataset) bool { return d.Names(one) }) {
				t.Errorf("seed %d: %s is watched, and no entry of %s names it", seed, one, names(cfg))
			}
			if whole[one] && !w.Names(one) && !w.Excludes(one) || !whole[one] && w.Excludes(one) {
				t.Errorf("seed %d: %s and the patterns %s: excluded is %t", seed, one, names(cfg), w.Excludes(one))
			}
		}
	}
}

func names(c *Config) (out []string) {
	for _, d := range c.Datasets {
		out = append(out, fmt.Sprint(d.Pattern, d.Exclude))
	}
	return out
}

func TestUnwatched(t *testing.T) {
	t.Parallel()
	const rest = "\nwarehouses: {w: {dsn: \"sqlite:x\"}}\ndatasets: [{table: w.a, checks: [schema]}]\n"
	for text, want := range map[string]string{
		"": "on", "unwatched:": "on", "unwatched: off": "off", "unwatched: {exclude: [w.tmp.*]}": "on",
		"unwatched: never":               "unwatched",
		`unwatched: {exclude: ['w."x']}`: "1:23",
		"unwatched: {every: 1h}":         "every",
	} {
		c, err := Parse("f", []byte(text+rest), os.LookupEnv)
		got := map[bool]string{true: "off", false: "on"}[c == nil || c.Unwatched == nil]
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
