package config

import (
	"cmp"
	"fmt"
	"reflect"
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

var warehouseType = reflect.TypeFor[warehouse.Config]()

func (r *reader) datasets(c *Config, n *yaml.Node, base inherited) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "want a list of datasets, each starting with `- table: warehouse.schema.table`")
		return
	}
	if len(n.Content) == 0 {
		r.wrong(n, "no dataset: want at least one `- table: warehouse.schema.table`")
	}
	c.Datasets = make([]Dataset, 0, len(n.Content))
	ids := map[string]*yaml.Node{}
	tables := map[sentinel.Table]*yaml.Node{}
	for _, v := range n.Content {
		d, where := r.dataset(c, v, base, ids)
		if d.Table == (sentinel.Table{}) {
			continue
		}
		if first, twice := tables[d.Table]; twice {
			r.wrong(where, "%s stands here and in line %d: put its checks into one entry", d.Table, first.Line)
		}
		tables[d.Table] = where
		c.Datasets = append(c.Datasets, d)
	}
	r.cycles(c.Datasets, tables)
}

func (r *reader) dataset(c *Config, n *yaml.Node, base inherited, ids map[string]*yaml.Node) (d Dataset, where *yaml.Node) {
	where = n
	var list, repairs, risk *yaml.Node
	for _, f := range r.fields(n, "a dataset with `table:` and `checks:`") {
		switch f.name {
		case "table":
			where = f.value
			d.Table = r.table(c, f.value)
		case "exclude":
			r.decode(f.value, &d.Exclude)
		case "time_column":
			if !isNull(f.value) {
				d.TimeColumn, _ = r.text(f.value)
				d.TimeColumn = r.shared(d.TimeColumn)
			}
		case "depends_on":
			if f.value.Kind != yaml.SequenceNode {
				r.wrong(f.value, "want a list of tables")
				break
			}
			for _, item := range f.value.Content {
				if t := r.table(c, item); t != (sentinel.Table{}) {
					d.DependsOn = append(d.DependsOn, t)
				}
			}
		case "checks":
			list = f.value
		case "repair":
			repairs = f.value
		case "risk":
			risk = f.value
		default:
			if !r.inherit(&base, f) {
				r.wrong(f.key, "%s", settings.UnknownWord("key", f.name, datasetKeys))
			}
		}
	}
	if d.Table == (sentinel.Table{}) {
		if where == n {
			r.wrong(n, "a dataset without `table:`")
		}
		return d, where
	}
	if base.timezone != "" {
		loc, err := schedule.Zone(base.timezone)
		if err == nil {
			d.Location = loc
		}
	}
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		r.wrong(where, "%s has no checks: want `checks:` with a list such as `- row_count > 0`", d.Table)
		return d, where
	}
	d.Checks = make([]Check, 0, len(list.Content))
	for _, item := range list.Content {
		if check, ok := r.check(c, d, item, base, ids); ok {
			d.Checks = append(d.Checks, check)
		}
	}
	d.Risk = r.risk(d, risk)
	if repairs != nil {
		d.Repairs = r.repairs(c, d, repairs)
	}
	return d, where
}

func (r *reader) table(c *Config, n *yaml.Node) sentinel.Table {
	text, ok := r.text(n)
	if !ok {
		return sentinel.Table{}
	}
	t, err := sentinel.ParseTable(text)
	if err != nil {
		r.wrong(n, "%v", err)
		return sentinel.Table{}
	}
	if !slices.ContainsFunc(c.Warehouses, func(w warehouse.Config) bool { return w.Name == t.Warehouse }) {
		names := make([]string, len(c.Warehouses))
		for i, w := range c.Warehouses {
			names[i] = w.Name
		}
		r.wrong(n, "%s", settings.UnknownWord("warehouse", t.Warehouse, names))
	}
	return t
}

// check reads one item of `checks:`: a short form, or a kind with its fields.
func (r *reader) check(c *Config, d Dataset, n *yaml.Node, base inherited, ids map[string]*yaml.Node) (Check, bool) {
	kind, check, ok := r.decodeCheck(n)
	if !ok {
		return Check{}, false
	}
	o := check.Common()
	if f, isFresh := check.(*checks.Freshness); isFresh && f.Holidays != "" {
		f.Holidays = r.path(f.Holidays)
	}
	if o.Anomaly != nil && o.Anomaly.Holidays != "" {
		o.Anomaly.Holidays = r.path(o.Anomaly.Holidays)
	}
	if o.Confirm == nil && !r.says(n, "confirm") {
		o.Confirm = base.confirm
	}
	if err := check.Validate(); err != nil {
		r.invalid(fieldsNode(n), n, kind, err)
		return Check{}, false
	}
	zone := cmp.Or(o.Timezone, base.timezone)
	loc, err := schedule.Zone(cmp.Or(zone, "UTC"))
	if err != nil {
		r.wrong(nodeOf(fieldsNode(n), n, "timezone"), "%v", err)
		return Check{}, false
	}
	if o.Anomaly != nil {
		o.Anomaly.Location = loc
	}
	s, err := r.schedule(cmp.Or(o.Schedule, base.schedule), loc)
	if err != nil {
		r.wrong(nodeOf(fieldsNode(n), n, "schedule"), "%v", err)
		return Check{}, false
	}
	if s.ambiguous {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: cron %q fires on either of its two day fields, not on both", r.file, n.Line, cmp.Or(o.Schedule, base.schedule)))
	}
	if o.ID == "" {
		o.ID = d.Table.String() + "/" + kind
		if aspect := cmp.Or(o.Aspect, o.Name); aspect != "" {
			o.ID += ":" + aspect
		}
	}
	if first, twice := ids[o.ID]; twice {
		r.wrong(n, "the check %q stands here and in line %d: give one of them another `id:`", o.ID, first.Line)
		return Check{}, false
	}
	ids[o.ID] = n
	return Check{Check: check, Kind: r.shared(kind), Schedule: s.Schedule, Tier: cmp.Or(o.Tier, base.tier), Owner: cmp.Or(o.Owner, base.owner), Runbook: cmp.Or(o.Runbook, base.runbook)}, true
}

// schedule parses a cron expression once a file.
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

// fieldsNode is the mapping of a check's fields; the item itself for a short form.
func fieldsNode(check *yaml.Node) *yaml.Node {
	if check.Kind != yaml.MappingNode {
		return check
	}
	return check.Content[1]
}

// says reports whether a check's mapping holds the key, also as null.
func (r *reader) says(n *yaml.Node, key string) bool {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[1].Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i < len(n.Content[1].Content); i += 2 {
		if n.Content[1].Content[i].Value == key {
			return true
		}
	}
	return false
}

func (r *reader) decodeCheck(n *yaml.Node) (kind string, check checks.Check, ok bool) {
	if n.Kind != yaml.MappingNode {
		text, ok := r.text(n)
		if !ok {
			return "", nil, false
		}
		kind, check, err := checks.ShortForm(text)
		if err != nil {
			r.wrong(n, "%v", err)
			return "", nil, false
		}
		return kind, check, true
	}
	if len(n.Content) != 2 {
		r.wrong(n, "a check is one kind with its fields, such as `- row_count: {min: 1}`: indent the fields below the kind")
		return "", nil, false
	}
	f := r.fields(n, "a check")[0]
	check, err := checks.New(f.name)
	if err != nil {
		r.wrong(f.key, "%s", settings.UnknownWord("check", f.name, checks.Kinds()))
		return "", nil, false
	}
	if isNull(f.value) {
		return f.name, check, true
	}
	r.aliases(f.name, f.value)
	return f.name, check, r.decode(f.value, check)
}

var otherWords = map[string]string{"error": "fail", "error_after": "fail", "warn_after": "warn"}

// aliases accepts the words of other tools: error for fail everywhere, and
// dbt's warn_after and error_after.
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
