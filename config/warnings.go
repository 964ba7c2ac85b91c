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
	c.Warnings = append(c.Warnings, r.notes...)
	for name, w := range f.Warehouses {
		if w == nil || w.Dialect == "" {
			continue
		}
		if implied := warehouse.DialectOf(w.DSN.Reveal()); implied != "" && implied != w.Dialect {
			r.note(c, nodeOf(w.node, w.node, "dialect"), "warehouse %s: the dsn is one of %s, and dialect says %s",
				name, implied, w.Dialect)
		}
	}
	tables := namesOf(f.Datasets)
	for i := range f.Datasets {
		r.warnOfDataset(c, f, &f.Datasets[i], tables)
	}
	r.warnOfRoutes(c, f)
	for name, e := range f.Notify {
		if e != nil && e.kindName == "opsgenie" {
			const message = "channel %s: Opsgenie ends in April 2027: use jira_service_management, which takes the same keys"
			r.note(c, e.fields, message, name)
		}
	}
	slices.Sort(c.Warnings)
}

func (r *reader) warnOfDataset(c *Config, f *file, e *datasetEntry, tables tableNames) {
	if len(e.Exclude) > 0 && !e.Table.Wild() {
		r.note(c, nodeOf(e.node, e.node, "exclude"), "exclude has no effect: %s has no wildcard", e.Table)
	}
	for i, up := range e.DependsOn {
		if n := nodeOf(e.node, e.node, settings.Index("depends_on", i)); strings.ContainsAny(n.Value, "*%") &&
			!strings.Contains(n.Value, `"`) {
			r.note(c, n, "depends_on: %s is a pattern, and depends_on wants names: list the tables", n.Value)
		}
		if meant := tables.misspelt(up); meant != "" {
			const message = "depends_on: unknown table %q: did you mean %q?"
			r.note(c, nodeOf(e.node, e.node, settings.Index("depends_on", i)), message, up, meant)
		}
		if slices.Contains(e.DependsOn[:i], up) {
			r.note(c, nodeOf(e.node, e.node, settings.Index("depends_on", i)), "depends_on: %s is listed twice: remove one", up)
		}
	}
	r.warnOfExcludes(c, e)
	for i := range e.Checks {
		r.warnOfCheck(c, e, &e.Checks[i])
		if key, t := other(e.Checks[i].it); t != nil {
			if meant := tables.misspelt(*t); meant != "" {
				const message = "%s: unknown table %q: did you mean %q?"
				r.note(c, nodeOf(e.Checks[i].fields, e.Checks[i].node, key), message, key, t, meant)
			}
		}
	}
	for i := range e.Repair {
		r.warnOfRepair(c, f.Datasets, e, &e.Repair[i])
	}
}

func (r *reader) warnOfCheck(c *Config, d *datasetEntry, e *checkEntry) {
	r.warnOfBounds(c, e)
	switch k := e.it.(type) {
	case *checks.Freshness:
		own := k.Column + k.Expression + k.Query + k.Catalog
		if d.TimeColumn == "" && d.Time == nil && k.Time == nil && own == "" {
			r.note(c, e.node, "freshness has no time column: set `column:`, or `time_column:` on the dataset")
		}
		r.warnOfColumns(c, e, k.By)
		r.warnOfSQL(c, d, e, "query", k.Query)
	case *checks.RowCount:
		r.warnOfChange(c, e, k)
		r.warnOfColumns(c, e, k.By)
	case *checks.SQL:
		r.warnOfSQL(c, d, e, "query", k.Query)
	case *checks.Invalid:
		if checks.NoNumberBetween(k.Min, k.Max, k.Exclusive) {
			r.note(c, nodeOf(e.fields, e.node, "min"), "invalid: no number is in the range from min (%s) to max (%s)", k.Min, k.Max)
		}
		if len(k.ValidValues) > 0 && !slices.ContainsFunc(k.ValidValues, func(v string) bool {
			return !slices.Contains(k.InvalidValues, v)
		}) {
			r.note(c, nodeOf(e.fields, e.node, "valid_values"), "invalid: every value of valid_values is one of invalid_values")
		}
	}
}

// warnOfColumns warns of expressions where names of columns are wanted.
func (r *reader) warnOfColumns(c *Config, e *checkEntry, by []string) {
	for i, name := range by {
		if strings.ContainsAny(name, "()") || strings.Contains(name, "::") {
			r.note(c, nodeOf(e.fields, e.node, settings.Index("by", i)), "by: %q is an expression, and by wants the name "+
				"of a column: make a view or a generated column of it", name)
		}
	}
}

// warnOfSQL warns of a statement that no server reads: a template that was not filled in, an
// open quote, an open parenthesis.
func (r *reader) warnOfSQL(c *Config, d *datasetEntry, e *checkEntry, key, sql string) {
	n := nodeOf(e.fields, e.node, key)
	if strings.Contains(sql, "{{") || strings.Contains(sql, "{%") {
		r.note(c, n, "%s: it is a template, and nothing fills it in: write the value, or ${VARIABLE}", key)
		return
	}
	if err := warehouse.CheckFilter(c.dialect(d.Table.Warehouse), strings.TrimRight(sql, "; \t\r\n")); err != nil {
		r.note(c, n, "%s: %v", key, err)
	}
}

// warnOfBounds warns of a condition that always or never holds for the numbers of a check,
// and of one that another one hides.
func (r *reader) warnOfBounds(c *Config, e *checkEntry) {
	b, ok := checks.BoundsOf(e.it)
	if !ok {
		return
	}
	for _, at := range []struct {
		key   string
		bound checks.Bound
	}{{"fail", b.Fail}, {"warn", b.Warn}} {
		if when, why := always(at.bound, b.Rows); when != "" {
			r.note(c, nodeOf(e.fields, e.node, at.key), "%s %s %ss: %s", e.kindName, when, at.key, why)
		}
	}
	if b.Warn.Set() && b.Warn == b.Fail || b.Fail.Op == b.Warn.Op && b.Fail.Percent == b.Warn.Percent && hidden(b.Warn, b.Fail) {
		r.note(c, nodeOf(e.fields, e.node, "warn"), "warn has no effect: fail already holds wherever warn does")
	}
}

// warnOfChange warns of a fall that no count can have.
func (r *reader) warnOfChange(c *Config, e *checkEntry, k *checks.RowCount) {
	if k.Change == nil {
		return
	}
	for key, b := range map[string]checks.Bound{"change.fail": k.Change.Fail, "change.warn": k.Change.Warn} {
		order := b.Low.Cmp(sentinel.Int(-100))
		if b.Op == "<" && order <= 0 || b.Op == "<=" && order < 0 {
			r.note(c, nodeOf(e.fields, e.node, key), "%s never holds: a count falls by 100%% at most", key)
		}
	}
}

// always says that a bound always or never holds, and why; "" where it depends on the number.
func always(b checks.Bound, rows bool) (when, why string) {
	most := sentinel.Number{}
	switch {
	case !b.Set() || !rows:
		return "", ""
	case b.Percent:
		most, why = sentinel.Int(100), "every share is 0% to 100%"
	default:
		why = "every count is a whole number of at least 0"
	}
	within := func(n sentinel.Number) bool {
		whole := b.Percent || n.Rat().IsInt()
		return whole && n.Cmp(sentinel.Int(0)) >= 0 && (most.Absent() || n.Cmp(most) <= 0)
	}
	low, above := b.Low.Cmp(sentinel.Int(0)), !most.Absent() && b.Low.Cmp(most) >= 0
	top := above && b.Low.Cmp(most) == 0
	switch {
	case b.Op == "<" && low <= 0, b.Op == "<=" && low < 0, (b.Op == "=" || b.Op == "==") && !within(b.Low),
		b.Op == ">" && above, b.Op == ">=" && above && !top:
		return "never", why
	case b.Op == ">=" && low <= 0, b.Op == ">" && low < 0, b.Op == "!=" && !within(b.Low),
		b.Op == "<" && above && !top, b.Op == "<=" && above:
		return "always", why
	}
	return "", ""
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

func (r *reader) warnOfRepair(c *Config, entries []datasetEntry, d *datasetEntry, e *policyEntry) {
	known, kinds, ids := append(checks.Kinds(), "risk"), []string{"risk"}, []string{}
	for i := range entries {
		o := &entries[i]
		if o.Table.Warehouse != d.Table.Warehouse || o != d && !o.Table.Wild() && !d.Table.Wild() {
			continue // it is about other tables
		}
		for j := range o.Checks {
			if it := o.Checks[j].it; it != nil {
				kinds, ids = append(kinds, o.Checks[j].kindName), append(ids, it.Common().ID)
			}
		}
	}
	for i, on := range e.On {
		n := nodeOf(e.node, e.node, settings.Index("on", i))
		kind, finding, dotted := strings.Cut(on, ".")
		switch {
		case dotted && finding == "":
			r.note(c, n, "on: %s ends in a dot: name what follows, or write %s", on, kind)
		case kind == "alert" || slices.Contains(ids, on):
		case !slices.Contains(known, kind):
			r.note(c, n, "on: %s", settings.UnknownWord("word", on, append(known, ids...)))
		case !slices.Contains(kinds, kind):
			const message = "on: %s never happens: %s has no check of the kind %s: add one, or name one of its checks"
			r.note(c, n, message, on, d.Table, kind)
		case kind == "schema" && finding != "" && !slices.Contains(checks.DriftKinds(), sentinel.DriftKind(finding)):
			var findings []string
			for _, k := range checks.DriftKinds() {
				findings = append(findings, "schema."+string(k))
			}
			r.note(c, n, "on: %s", settings.UnknownWord("finding", on, findings))
		}
	}
}

// warnOfExcludes warns of an exclude that leaves out no table of the pattern, or all.
func (r *reader) warnOfExcludes(c *Config, e *datasetEntry) {
	if !e.Table.Wild() {
		return
	}
	for i, exclude := range e.Exclude {
		n := nodeOf(e.node, e.node, settings.Index("exclude", i))
		parts := strings.Split(exclude, ".")
		name := parts[len(parts)-1]
		switch {
		case strings.Contains(exclude, `"`) || exclude == "" || e.Table.Exact():
		case len(parts) == 3:
			const message = "exclude: %s leaves out nothing: write it without the warehouse, as %s"
			r.note(c, n, message, exclude, strings.Join(parts[1:], "."))
		case len(parts) > 3:
			r.note(c, n, "exclude: %s leaves out nothing: want a name such as tmp_*, or schema.name", exclude)
		case strings.Trim(exclude, "*%.") == "" || name == e.Table.Name && len(parts) == 1:
			r.note(c, n, "exclude: %s leaves out every table of %s: narrow it, or remove the dataset", exclude, e.Table)
		case disjoint(name, e.Table.Name), len(parts) == 2 && e.Table.Schema != "" && disjoint(parts[0], e.Table.Schema):
			r.note(c, n, "exclude: %s leaves out nothing: no name matches both it and %s", exclude, e.Table)
		}
	}
}

// disjoint reports whether surely no name matches both of two patterns.
func disjoint(a, b string) bool {
	const wild = "*%"
	aFirst, aLast := strings.IndexAny(a, wild), strings.LastIndexAny(a, wild)
	bFirst, bLast := strings.IndexAny(b, wild), strings.LastIndexAny(b, wild)
	switch {
	case aFirst < 0:
		return !sentinel.MatchName(strings.ToLower(b), strings.ToLower(a))
	case bFirst < 0:
		return !sentinel.MatchName(strings.ToLower(a), strings.ToLower(b))
	}
	apart := func(x, y string, within func(s, part string) bool) bool { return !within(x, y) && !within(y, x) }
	return apart(a[:aFirst], b[:bFirst], strings.HasPrefix) || apart(a[aLast+1:], b[bLast+1:], strings.HasSuffix)
}

// warnOfRoutes warns of routes and windows about tables that no dataset names.
func (r *reader) warnOfRoutes(c *Config, f *file) {
	dead := func(n *yaml.Node, patterns []string) {
		for i, p := range patterns {
			name, err := sentinel.ParsePattern(p)
			if err == nil && !name.Wild() && !slices.ContainsFunc(c.Datasets, func(d Dataset) bool { return d.named(p) }) {
				r.note(c, nodeOf(n, n, settings.Index("dataset", i)), "dataset: no dataset is named %s: "+
					"want a table of `datasets:`, or a pattern with *", p)
			}
		}
	}
	for i := range f.Routes {
		dead(f.Routes[i].node, f.Routes[i].Dataset)
	}
	for i := range f.Maintenance {
		dead(f.Maintenance[i].node, f.Maintenance[i].Dataset)
		if w := f.Maintenance[i].Window; w.From != "" && w.From == w.To && len(w.Days) == 0 {
			r.note(c, nodeOf(f.Maintenance[i].node, f.Maintenance[i].node, "to"),
				"maintenance from %s to %s is all of every day: nobody is ever notified", w.From, w.To)
		}
	}
}

// named reports whether the entry may be about the table of a name.
func (d Dataset) named(name string) bool {
	t, err := sentinel.ParseTable(name)
	return err == nil && (d.Names(t) || t.Schema == "" && d.Pattern.Warehouse == t.Warehouse &&
		(d.Pattern.Wild() || strings.EqualFold(d.Pattern.Name, t.Name)))
}

// note adds a warning at a node.
func (r *reader) note(c *Config, n *yaml.Node, format string, args ...any) {
	line := 1
	if n != nil {
		line = n.Line
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s", r.file, line, r.mask(fmt.Sprintf(format, args...))))
}
