package setup

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// patternKey names a pattern with its excludes.
func patternKey(d *config.Dataset) string {
	return d.Pattern.String() + " " + strings.Join(d.Exclude, " ")
}

// matchPattern finds the datasets of a pattern: the tables of the catalog, and those that
// m remembers and the catalog does not have. c is nil if the catalog could not be read.
func matchPattern(d *config.Dataset, c *warehouse.Catalog, m agent.TableMemory) ([]config.Dataset, error) {
	if c == nil {
		c = &warehouse.Catalog{DefaultSchema: m.DefaultSchema}
	}
	found, err := d.Resolve(c)
	for _, name := range slices.Sorted(maps.Keys(m.Tables)) {
		t, bad := sentinel.ParseTable(name)
		if bad != nil || c.Tables[warehouse.TableName{Schema: t.Schema, Name: t.Name}] != nil {
			continue
		}
		if d.Selects(t, c.DefaultSchema) {
			found, err = append(found, d.Of(t)), nil
		}
	}
	return found, err
}

// remember returns the memory after the catalog was read. matched has the tables of each
// pattern. A table that appears for a pattern that was known before was created.
func remember(
	before agent.TableMemory, matched map[string][]config.Dataset, c *warehouse.Catalog, now time.Time,
) agent.TableMemory {
	next := agent.TableMemory{
		Patterns:      slices.Sorted(maps.Keys(matched)),
		DefaultSchema: c.DefaultSchema,
		Tables:        map[string]agent.KnownTable{},
	}
	for pattern, datasets := range matched {
		for _, d := range datasets {
			name := d.Table.String()
			known, isKnown := before.Tables[name]
			if !isKnown {
				known = agent.KnownTable{First: now.UTC(), Created: slices.Contains(before.Patterns, pattern)}
			}
			known.Created = known.Created || next.Tables[name].Created
			next.Tables[name] = known
		}
	}
	return next
}
