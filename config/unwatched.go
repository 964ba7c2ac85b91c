package config

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Unwatched is the value of `unwatched:`: how to look for tables that nobody watches.
type Unwatched struct {
	Exclude []string `yaml:"exclude" doc:"Tables to leave out, such as shop.staging.*, with * and %."`
}

// unwatched checks `unwatched:`. It returns nil if it is off.
func (r *reader) unwatched(e unwatchedEntry) *Unwatched {
	if e.off {
		return nil
	}
	for i, pattern := range e.value.Exclude {
		if err := sentinel.CheckPatterns(pattern); err != nil {
			r.wrong(nodeOf(e.node, e.node, settings.Index("exclude", i)), "%v", err)
		}
	}
	return &e.value
}

// Watched tells the tables of a warehouse that the configuration is about from those that it
// leaves out, and from those that it does not mention. [Config.Watched] makes one.
type Watched struct {
	warehouse, schema string
	names             map[string][]Dataset // without wildcards, by the folded name
	patterns          []Dataset
	excluded          []string
}

// Watched returns what the configuration says of the tables of a warehouse. defaultSchema is the
// one of names without a schema.
func (c *Config) Watched(warehouse, defaultSchema string) *Watched {
	w := &Watched{warehouse: warehouse, schema: defaultSchema, names: map[string][]Dataset{}}
	if c.Unwatched != nil {
		w.excluded = c.Unwatched.Exclude
	}
	for _, d := range c.Datasets {
		switch {
		case d.Table.Warehouse != warehouse:
		case d.Pattern.Wild():
			w.patterns = append(w.patterns, d)
		default:
			key := strings.ToLower(d.Table.Name)
			w.names[key] = append(w.names[key], d)
		}
	}
	return w
}

// Names reports whether an entry of `datasets:` is about a table.
func (w *Watched) Names(t sentinel.Table) bool {
	about := func(d Dataset) bool {
		if d.Pattern.Wild() {
			return d.Selects(t, w.schema)
		}
		return d.Pattern.Names(t) && (d.Pattern.Schema != "" || strings.EqualFold(t.Schema, w.schema))
	}
	return slices.ContainsFunc(w.names[strings.ToLower(t.Name)], about) || slices.ContainsFunc(w.patterns, about)
}

// Excludes reports whether a table is left out on purpose: by `unwatched: exclude:`, or by the
// `exclude:` of a pattern that matches it.
func (w *Watched) Excludes(t sentinel.Table) bool {
	return slices.ContainsFunc(w.excluded, func(p string) bool { return sentinel.MatchTable(p, t) }) ||
		slices.ContainsFunc(w.patterns, func(d Dataset) bool {
			p := d.Pattern
			if p.Schema == "" {
				p.Schema = w.schema
			}
			return p.Matches(t) && !d.Selects(t, w.schema)
		})
}

// Schemas returns the schemas that entries name without a wildcard.
func (w *Watched) Schemas() (out []string) {
	add := func(d Dataset) {
		if s := d.Pattern.Schema; s != "" && !strings.ContainsAny(s, "*%") && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, some := range w.names {
		for _, d := range some {
			add(d)
		}
	}
	for _, d := range w.patterns {
		add(d)
	}
	slices.Sort(out)
	return out
}
