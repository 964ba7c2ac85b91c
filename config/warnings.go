package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// warn adds warnings about settings that are allowed but probably mistakes.
func (r *reader) warn(c *Config, f *file) {
	for name, w := range f.Warehouses {
		if w == nil || w.Dialect == "" {
			continue
		}
		if implied := warehouse.DialectOf(w.DSN.Reveal()); implied != "" && implied != w.Dialect {
			r.note(c, nodeOf(w.node, w.node, "dialect"), "warehouse %s: the dsn is one of %s, and dialect says %s",
				name, implied, w.Dialect)
		}
	}
	tables := make([]string, 0, len(f.Datasets))
	for i := range f.Datasets {
		tables = append(tables, f.Datasets[i].Table.String())
	}
	slices.Sort(tables)
	for i := range f.Datasets {
		r.warnOfDataset(c, &f.Datasets[i], tables)
	}
	slices.Sort(c.Warnings)
}

func (r *reader) warnOfDataset(c *Config, e *datasetEntry, tables []string) {
	if len(e.Exclude) > 0 && !Wild(e.Table) {
		r.note(c, nodeOf(e.node, e.node, "exclude"), "exclude has no effect: %s has no wildcard", e.Table)
	}
	for i, up := range e.DependsOn {
		_, configured := slices.BinarySearch(tables, up.String())
		if configured || len(tables) > 1000 { // the search for the nearest name takes quadratic time
			continue
		}
		if message := settings.UnknownWord("table", up.String(), tables); strings.Contains(message, "did you mean") {
			r.note(c, nodeOf(e.node, e.node, settings.Index("depends_on", i)), "depends_on: %s", message)
		}
	}
	for i := range e.Checks {
		r.warnOfCheck(c, e, &e.Checks[i])
	}
	for i := range e.Repair {
		r.warnOfRepair(c, e, &e.Repair[i])
	}
}

func (r *reader) warnOfCheck(c *Config, d *datasetEntry, e *checkEntry) {
	switch k := e.it.(type) {
	case *checks.Freshness:
		if d.TimeColumn == "" && k.Column+k.Expression+k.Query+k.Catalog == "" {
			r.note(c, e.node, "freshness has no time column: set `column:`, or `time_column:` on the dataset")
		}
	case *checks.RowCount:
		if k.Fail.Op == "<" && !k.Fail.Percent && k.Fail.Low.Cmp(sentinel.Int(0)) <= 0 {
			r.note(c, e.node, "row_count never fails: every count is at least 0")
		}
		if k.Fail.Op == ">=" && !k.Fail.Percent && k.Fail.Low.Cmp(sentinel.Int(0)) <= 0 {
			r.note(c, nodeOf(e.fields, e.node, "fail"), "row_count always fails: every count is at least 0")
		}
		if k.Fail.Op == k.Warn.Op && hidden(k.Warn, k.Fail) {
			r.note(c, nodeOf(e.fields, e.node, "warn"), "warn has no effect: fail already holds wherever warn does")
		}
	}
}

// hidden reports whether every number that meets warn also meets fail.
func hidden(warn, fail checks.Bound) bool {
	switch order := warn.Low.Cmp(fail.Low); warn.Op {
	case "<", "<=":
		return order <= 0
	case ">", ">=":
		return order >= 0
	}
	return false
}

func (r *reader) warnOfRepair(c *Config, d *datasetEntry, e *policyEntry) {
	known := append(checks.Kinds(), "risk")
	for i := range d.Checks {
		if it := d.Checks[i].it; it != nil {
			known = append(known, it.Common().ID)
		}
	}
	for i, on := range e.On {
		kind, _, _ := strings.Cut(on, ".")
		if kind != "alert" && !slices.Contains(known, on) && !slices.Contains(known, kind) {
			r.note(c, nodeOf(e.node, e.node, settings.Index("on", i)), "on: %s", settings.UnknownWord("word", on, known))
		}
	}
}

// note adds a warning at a node.
func (r *reader) note(c *Config, n *yaml.Node, format string, args ...any) {
	line := 1
	if n != nil {
		line = n.Line
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s", r.file, line, r.mask(fmt.Sprintf(format, args...))))
}
