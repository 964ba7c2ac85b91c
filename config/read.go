package config

import (
	"cmp"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// config reads the file. Its result is valid only if no mistake was recorded.
func (r *reader) config(root *yaml.Node) *Config {
	var f file
	settings.Defaults(&f)
	r.decode(root, &f)
	r.invalid(root, root, "", settings.CheckWords(&f))
	if f.RepairBudget < 0 {
		r.wrong(nodeOf(root, root, "repair_budget"), "want how many repairs may begin in an hour, such as 60")
	}
	if f.Listen == "" {
		r.wrong(nodeOf(root, root, "listen"), "want an address and a port, such as 127.0.0.1:9780")
	}
	c := &Config{
		State:        r.state(root, f.State),
		Listen:       f.Listen,
		Token:        cmp.Or(sentinel.Secret(f.TokenFile), f.Token),
		Retention:    f.Retention,
		Jitter:       f.Jitter,
		CatchUp:      f.CatchUp,
		MaxSeries:    f.MaxSeries,
		URL:          r.externalURL(nodeOf(root, root, "external_url"), f.ExternalURL),
		RepairsOff:   f.Repairs == "off",
		RepairBudget: f.RepairBudget,
		Warehouses:   r.warehouses(f.Warehouses),
		Channels:     r.channels(f.Notify),
		Windows:      r.maintenance(f.Maintenance),
		Exporters:    r.exporters(f.Exporters),
	}
	c.Routes = notify.DefaultRoutes(c.Channels)
	if !isNull(child(root, "routes")) {
		c.Routes = r.routes(f.Routes, slices.Collect(maps.Keys(f.Notify)))
	}
	if len(f.Warehouses) == 0 {
		r.wrong(root, "no warehouse: want `warehouses:` with at least one name")
	}
	var base inherited
	r.inherit(&base, f.Defaults, child(root, "defaults"))
	switch n := child(root, "datasets"); {
	case isNull(n):
		r.wrong(nodeOf(root, root, "datasets"), "no dataset: want `datasets:` with at least one table")
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		r.wrong(n, "no dataset: want at least one `- table: warehouse.schema.table`")
	}
	r.datasets(c, f.Datasets, base)
	r.warn(c, &f)
	return c
}

func (r *reader) state(root *yaml.Node, state string) string {
	resolved, err := store.Resolve(state, r.path)
	if err != nil {
		r.wrong(nodeOf(root, root, "state"), "state: %v", err)
	}
	return resolved
}

// externalURL checks the address of the agent for people.
func (r *reader) externalURL(n *yaml.Node, text string) string {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		r.wrong(n, "want an address such as https://sentinel.example.com")
	}
	return strings.TrimSuffix(text, "/")
}

// inherited holds the values that a dataset or a check inherits.
type inherited struct {
	schedule string
	timezone string
	owner    string
	tier     string
	runbook  string
	confirm  *checks.Confirm
}

// inherit overrides inherited values by those given at n. An explicit null disables an
// inherited value.
func (r *reader) inherit(to *inherited, from inheritable, n *yaml.Node) {
	if from.Schedule.given {
		if expr := r.shared(from.Schedule.value); expr == "" {
			r.wrong(nodeOf(n, n, "schedule"), "a schedule is needed: want cron such as */5 * * * *")
		} else if _, err := r.schedule(expr, time.UTC); err != nil {
			r.wrong(nodeOf(n, n, "schedule"), "%v", err)
		} else {
			to.schedule = expr
		}
	}
	if from.Timezone.given {
		zone := r.shared(from.Timezone.value)
		if _, err := schedule.Zone(cmp.Or(zone, "UTC")); err != nil {
			r.wrong(nodeOf(n, n, "timezone"), "%v", err)
		} else {
			to.timezone = zone
		}
	}
	if from.Tier.given {
		tier := r.shared(from.Tier.value)
		if words := keyIn(reflect.TypeFor[inheritable](), "tier").Words; tier != "" && !slices.Contains(words, tier) {
			r.wrong(nodeOf(n, n, "tier"), "%s", settings.UnknownWord("tier", tier, words))
		} else {
			to.tier = cmp.Or(tier, keyIn(reflect.TypeFor[inheritable](), "tier").Default)
		}
	}
	if from.Owner.given {
		to.owner = r.shared(from.Owner.value)
	}
	if from.Runbook.given {
		to.runbook = r.shared(from.Runbook.value)
	}
	if from.Confirm.given {
		to.confirm = from.Confirm.value
	}
}

// keyIn returns one key of a struct.
func keyIn(t reflect.Type, name string) settings.Key {
	for _, k := range settings.Keys(t) {
		if k.Name == name {
			return k
		}
	}
	return settings.Key{}
}

// warehouses checks `warehouses:` and orders it by name.
func (r *reader) warehouses(entries map[string]*warehouseEntry) []warehouse.Config {
	var out []warehouse.Config
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if e == nil {
			e = &warehouseEntry{}
		}
		e.Name = name
		e.DSN = cmp.Or(sentinel.Secret(e.DSNFile), e.DSN)
		e.RepairDSN = cmp.Or(sentinel.Secret(e.RepairDSNFile), e.RepairDSN)
		for _, s := range e.StandbyDSNFile {
			if s != "" {
				e.StandbyDSN = append(e.StandbyDSN, sentinel.Secret(s))
			}
		}
		r.warehouse(e)
		out = append(out, e.Config)
	}
	return out
}

func (r *reader) warehouse(e *warehouseEntry) {
	key := r.keyOf("warehouses", e.Name)
	dialects := warehouse.Dialects()
	switch {
	case strings.ContainsAny(e.Name, ".\" \t") || e.Name == "":
		r.wrong(key, "the name of a warehouse stands before a dot in `table:`: leave out dots, quotes and spaces")
	case e.Dialect != "" && !slices.Contains(dialects, e.Dialect):
		r.wrong(nodeOf(e.node, key, "dialect"), "%s", settings.UnknownWord("dialect", e.Dialect, dialects))
	case e.MaxConnections < 0 || e.MaxConnections > 100:
		r.wrong(nodeOf(e.node, key, "max_connections"), "want 1 to 100 connections")
	}
	implied := warehouse.DialectOf(e.DSN.Reveal())
	switch {
	case e.DSN == "" && e.node != nil && (given(e.node, "dsn") || given(e.node, "dsn_file")):
		// A mistake in it is already recorded, unless it is empty.
		if n := child(e.node, "dsn"); n != nil && (isNull(n) || n.Value == "") {
			r.wrong(n, "warehouse %s has no dsn: want `dsn: postgres://...`, `mysql://...` or `sqlite:PATH`", e.Name)
		}
	case e.DSN == "":
		r.wrong(key, "warehouse %s has no dsn: want `dsn: postgres://...`, `mysql://...` or `sqlite:PATH`", e.Name)
	case e.Dialect == "" && implied == "":
		const message = "warehouse %s: the form of the dsn does not identify a dialect: %s"
		r.wrong(nodeOf(e.node, key, "dsn"), message, e.Name, hint(e.DSN.Reveal(), dialects))
	default:
		e.Dialect = cmp.Or(e.Dialect, implied)
	}
	r.resolveFiles(&e.Config)
}

// hint returns advice on a DSN whose form no dialect knows.
func hint(dsn string, dialects []string) string {
	if scheme, _, ok := strings.Cut(dsn, "://"); ok && len(scheme) <= 16 {
		return settings.UnknownWord("scheme", scheme, dialects)
	}
	return "add `dialect:` (" + strings.Join(dialects, ", ") + ")"
}

// resolveFiles makes the paths in DSNs of files relative to the configuration.
func (r *reader) resolveFiles(w *warehouse.Config) {
	d, err := warehouse.DialectNamed(w.Dialect)
	files, ok := d.(warehouse.FileDialect)
	if err != nil || !ok {
		return
	}
	for _, dsn := range []*sentinel.Secret{&w.DSN, &w.RepairDSN} {
		if *dsn != "" {
			*dsn = sentinel.Secret(files.Resolve(dsn.Reveal(), r.path))
		}
	}
}
