package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// datasets checks `datasets:`.
func (r *reader) datasets(c *Config, entries []datasetEntry, base inherited) {
	c.Datasets = make([]Dataset, 0, len(entries))
	ids := map[string]*yaml.Node{}
	tables := map[sentinel.Table]*yaml.Node{}
	written := map[string]*yaml.Node{}
	for i := range entries {
		e := &entries[i]
		where := nodeOf(e.node, e.node, "table")
		if e.Table == (sentinel.Pattern{}) {
			switch {
			case e.node == nil:
				r.wrong(nodeOf(r.root, r.root, settings.Index("datasets", i)),
					"an empty item: want `- table: warehouse.schema.table`")
			case !given(e.node, "table") && !r.keysWrong(e.node):
				r.wrong(e.node, "a dataset without `table:`")
			}
			continue
		}
		d := r.dataset(c, e, base, ids)
		if first, twice := written[d.Pattern.String()]; twice {
			r.wrong(where, "%s stands here and in line %d: put its checks into one entry", d.Pattern, first.Line)
		}
		written[d.Pattern.String()] = where
		tables[d.Table] = where
		c.Datasets = append(c.Datasets, d)
	}
	r.cycles(c.Datasets, tables)
}

func (r *reader) dataset(c *Config, e *datasetEntry, base inherited, ids map[string]*yaml.Node) Dataset {
	where := nodeOf(e.node, e.node, "table")
	d := Dataset{
		Table: e.Table.Table, Pattern: e.Table, Exclude: e.Exclude,
		TimeColumn: r.shared(e.TimeColumn), DependsOn: e.DependsOn,
	}
	if e.node != nil {
		d.Line = e.node.Line
	}
	r.time(c, &d, e)
	r.known(c, where, d.Table)
	for i, up := range e.DependsOn {
		r.known(c, nodeOf(e.node, where, settings.Index("depends_on", i)), up)
	}
	r.inherit(&base, e.inheritable, e.node)
	d.Tags = base.tags
	if base.timezone != "" {
		if loc, err := schedule.Zone(base.timezone); err == nil {
			d.Location = loc
		}
	}
	if len(e.Checks) == 0 && (r.keysWrong(e.node) || r.isWrong(child(e.node, "columns"))) {
		return d
	}
	if len(e.Checks) == 0 {
		r.wrong(where, "%s has no checks: want `checks:` with a list such as `- row_count > 0`", d.Pattern)
		return d
	}
	d.Checks = make([]Check, 0, len(e.Checks))
	for i := range e.Checks {
		if check, ok := r.check(c, d, &e.Checks[i], base, ids); ok {
			d.Checks = append(d.Checks, check)
		}
	}
	d.SLO = base.slo
	d.Risk = r.risk(d, e)
	d.Repairs = r.repairs(c, d, e.Repair)
	return d
}

// time checks `time:` of a dataset.
func (r *reader) time(c *Config, d *Dataset, e *datasetEntry) {
	if e.Time == nil {
		return
	}
	n := child(e.node, "time")
	if e.TimeColumn != "" {
		r.wrong(n, "time: replaces time_column: keep one of them")
		return
	}
	err := e.Time.Validate()
	if err == nil {
		err = settings.In("expression", warehouse.CheckFilter(c.dialect(d.Table.Warehouse), e.Time.Expression))
	}
	if r.invalid(n, n, "time", err) {
		return
	}
	d.Time, d.TimeColumn = e.Time, r.shared(e.Time.Column)
}

// known refuses a table of a warehouse that is not configured.
func (r *reader) known(c *Config, n *yaml.Node, t sentinel.Table) {
	if len(c.Warehouses) == 0 {
		return // a mistake already
	}
	var names []string
	for _, w := range c.Warehouses {
		if w.Name == t.Warehouse {
			return
		}
		names = append(names, w.Name)
	}
	if t != (sentinel.Table{}) {
		r.wrong(n, "%s", settings.UnknownWord("warehouse", t.Warehouse, names))
	}
}

// check validates one item of `checks:`.
func (r *reader) check(
	c *Config, d Dataset, e *checkEntry, base inherited, ids map[string]*yaml.Node,
) (Check, bool) {
	if e.it == nil || r.isWrong(e.node) {
		return Check{}, false
	}
	o := e.it.Common()
	r.resolveCheck(e.it)
	base.give(e)
	if err := e.it.Validate(); r.invalid(e.fields, e.node, e.kindName, err) {
		return Check{}, false
	}
	if err := checks.CheckSQL(c.dialect(d.Table.Warehouse), e.it); r.invalid(e.fields, e.node, e.kindName, err) {
		return Check{}, false
	}
	r.tablesOf(c, d, e)
	r.typesOf(c, d, e)
	loc, err := schedule.Zone(cmp.Or(o.Timezone, base.timezone, "UTC"))
	if err != nil {
		r.wrong(nodeOf(e.fields, e.node, "timezone"), "%v", err)
		return Check{}, false
	}
	if o.Anomaly != nil {
		o.Anomaly.Location = loc
	}
	expr := cmp.Or(o.Schedule, base.schedule)
	s, err := r.schedule(expr, loc)
	if err != nil {
		r.wrong(nodeOf(e.fields, e.node, "schedule"), "%v", err)
		return Check{}, false
	}
	if s.ambiguous {
		const warning = "%s:%d: cron %q fires on either of its two day fields, not on both"
		c.Warnings = append(c.Warnings, fmt.Sprintf(warning, r.file, e.node.Line, expr))
	}
	if o.ID == "" {
		o.ID = d.Pattern.String() + "/" + e.kindName
		if aspect := cmp.Or(o.Aspect, o.Name); aspect != "" {
			o.ID += ":" + aspect
		}
	}
	if first, twice := ids[o.ID]; twice {
		r.wrong(e.node, "the check %q stands here and in line %d: give one of them another `id:`", o.ID, first.Line)
		return Check{}, false
	}
	ids[o.ID] = e.node
	return Check{
		Check:    e.it,
		Kind:     e.kindName,
		Schedule: s.Schedule,
		Tier:     cmp.Or(o.Tier, base.tier),
		Owner:    cmp.Or(o.Owner, base.owner),
		Runbook:  cmp.Or(o.Runbook, base.runbook),
	}, true
}

// give sets the options of a check that Validate must know, and that the check does not
// set itself.
func (b *inherited) give(e *checkEntry) {
	o := e.it.Common()
	if o.Confirm == nil && !given(e.fields, "confirm") {
		o.Confirm = b.confirm
	}
	if o.Samples == nil && !given(e.fields, "samples") && checks.SamplesRows(e.it) {
		o.Samples = b.samples
	}
	o.RowSecurity = cmp.Or(o.RowSecurity, b.rowSecurity)
}

// dialect returns the dialect of a warehouse; nil if it is not known.
func (c *Config) dialect(name string) warehouse.Dialect {
	for i := range c.Warehouses {
		if c.Warehouses[i].Name == name {
			if d, err := warehouse.DialectNamed(c.Warehouses[i].Dialect); err == nil { // else it is a mistake already
				return d
			}
		}
	}
	return nil
}

// resolveCheck makes the paths of a check relative to the configuration.
func (r *reader) resolveCheck(check checks.Check) {
	r.resolvePaths(check)
	if a := check.Common().Anomaly; a != nil {
		a.Holidays = r.optionalPath(a.Holidays)
	}
}

// schedule parses each cron expression of a file once.
func (r *reader) schedule(expr string, loc *time.Location) (parsed, error) {
	key := cron{expr, loc}
	if p, known := r.schedules[key]; known {
		return p, nil
	}
	s, err := schedule.Parse(expr, loc)
	p := parsed{s, schedule.Ambiguous(expr)}
	if err == nil {
		r.schedules[key] = p
	}
	return p, err
}

var otherWords = map[string]string{"error": "fail", "error_after": "fail", "warn_after": "warn"}

// aliases replaces the keys of other tools: error means fail, and dbt has warn_after and
// error_after.
func (r *reader) aliases(kind string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		to := otherWords[key.Value]
		if to != "" && kind != "schema" && (kind != "sql" || to != "warn") {
			key.Value = to
		}
	}
}

// cycles refuses datasets that depend on themselves.
func (r *reader) cycles(datasets []Dataset, at map[sentinel.Table]*yaml.Node) {
	needs := map[sentinel.Table][]sentinel.Table{}
	for _, d := range datasets {
		if len(d.DependsOn) > 0 {
			needs[d.Table] = d.DependsOn
		}
	}
	done := map[sentinel.Table]bool{}
	var path []sentinel.Table
	var visit func(t sentinel.Table) bool
	visit = func(t sentinel.Table) bool {
		if i := slices.Index(path, t); i >= 0 {
			var names []string
			for _, p := range append(path[i:], t) {
				names = append(names, p.String())
			}
			r.wrong(at[path[i]], "depends_on goes in a circle: %s", strings.Join(names, " -> "))
			return false
		}
		if done[t] {
			return true
		}
		path = append(path, t)
		ok := true
		for _, up := range needs[t] {
			ok = ok && visit(up)
		}
		path = path[:len(path)-1]
		done[t] = true
		return ok
	}
	for _, d := range datasets {
		if len(d.DependsOn) > 0 && !visit(d.Table) {
			return
		}
	}
}
