package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// inherited is what datasets take from `defaults:` and checks from datasets.
type inherited struct {
	schedule string
	timezone string
	owner    string
	tier     string
	runbook  string
	confirm  *checks.Confirm
}

var (
	topKeys     = []string{"state", "listen", "token", "token_file", "retention", "jitter", "max_series", "repairs", "repair_budget", "warehouses", "defaults", "datasets", "notify", "routes", "maintenance", "external_url", "exporters", "catch_up"}
	defaultKeys = []string{"schedule", "timezone", "owner", "tier", "runbook", "confirm"}
	datasetKeys = append([]string{"table", "exclude", "time_column", "depends_on", "checks", "repair", "risk"}, defaultKeys...)
)

// config reads the whole file; with mistakes noted its value is not to be used.
func (r *reader) config(root *yaml.Node) *Config {
	c := &Config{State: "sqlite:sentinel.db", CatchUp: "one", Listen: "127.0.0.1:9780", Retention: 90 * 24 * time.Hour, MaxSeries: 50000}
	base := inherited{schedule: "*/5 * * * *", tier: "warning"}
	var datasets, routes *yaml.Node
	for _, f := range r.fields(root, "keys such as `warehouses:` and `datasets:`") {
		switch f.name {
		case "state":
			c.State, _ = r.text(f.value)
		case "listen":
			c.Listen, _ = r.text(f.value)
		case "token":
			s, _ := r.text(f.value)
			c.Token = sentinel.Secret(s)
		case "token_file":
			c.Token, _ = r.secretFile(f.value)
		case "retention":
			c.Retention = r.duration(f.value)
		case "jitter":
			c.Jitter = r.duration(f.value)
		case "repairs":
			word, _ := r.text(f.value)
			if word != "on" && word != "off" {
				r.wrong(f.value, "want on, or off to stop all repairs")
			}
			c.RepairsOff = word == "off"
		case "repair_budget":
			if r.decode(f.value, &c.RepairBudget); c.RepairBudget < 0 {
				r.wrong(f.value, "want how many repairs may begin in an hour, such as 60")
			}
		case "catch_up":
			words := []string{"one", "all", "none"}
			if c.CatchUp, _ = r.text(f.value); !slices.Contains(words, c.CatchUp) {
				r.wrong(f.value, "%s", settings.UnknownWord("word", c.CatchUp, words))
			}
		case "max_series":
			r.decode(f.value, &c.MaxSeries)
		case "warehouses":
			c.Warehouses = r.warehouses(f.value)
		case "defaults":
			for _, d := range r.fields(f.value, "defaults such as {schedule: \"*/5 * * * *\", timezone: Europe/Berlin}") {
				if !r.inherit(&base, d) {
					r.wrong(d.key, "%s", settings.UnknownWord("key", d.name, defaultKeys))
				}
			}
		case "notify":
			c.Channels = r.channels(f.value)
		case "routes":
			routes = f.value
		case "maintenance":
			c.Windows = r.maintenance(f.value)
		case "exporters":
			c.Exporters = r.exporters(f.value)
		case "external_url":
			c.URL = r.externalURL(f.value)
		case "datasets":
			datasets = f.value
		default:
			r.wrong(f.key, "%s", settings.UnknownWord("key", f.name, topKeys))
		}
	}
	if path, ok := strings.CutPrefix(c.State, "sqlite:"); ok {
		c.State = "sqlite:" + r.path(path)
	} else if scheme, _, _ := strings.Cut(c.State, "://"); scheme != "postgres" && scheme != "postgresql" {
		r.wrong(root, "state: want sqlite:PATH, or the address of a PostgreSQL database (postgres:...) for several agents")
	}
	c.Routes = notify.DefaultRoutes(c.Channels)
	if routes != nil {
		c.Routes = r.routes(routes, c.Channels)
	}
	if len(c.Warehouses) == 0 {
		r.wrong(root, "no warehouse: want `warehouses:` with at least one name")
	}
	if datasets == nil {
		r.wrong(root, "no dataset: want `datasets:` with at least one table")
		return c
	}
	r.datasets(c, datasets, base)
	return c
}

// inherit reads one key that is inherited; an explicit null switches what was
// inherited off. It reports whether the key is one.
func (r *reader) inherit(to *inherited, f field) bool {
	if !slices.Contains(defaultKeys, f.name) {
		return false
	}
	if f.name == "confirm" {
		to.confirm = nil
		if !isNull(f.value) {
			to.confirm = &checks.Confirm{}
			r.decode(f.value, to.confirm)
		}
		return true
	}
	value := ""
	if !isNull(f.value) {
		value, _ = r.text(f.value)
	}
	value = r.shared(value)
	switch f.name {
	case "schedule":
		if value == "" {
			r.wrong(f.value, "a schedule is needed: want cron such as */5 * * * *")
		} else if _, err := r.schedule(value, time.UTC); err != nil {
			r.wrong(f.value, "%v", err)
		} else {
			to.schedule = value
		}
	case "timezone":
		if value != "" {
			if _, err := schedule.Zone(value); err != nil {
				r.wrong(f.value, "%v", err)
				return true
			}
		}
		to.timezone = value
	case "tier":
		if tiers := []string{"critical", "warning", "info"}; value != "" && !slices.Contains(tiers, value) {
			r.wrong(f.value, "%s", settings.UnknownWord("tier", value, tiers))
			return true
		}
		to.tier = cmp.Or(value, "warning")
	case "owner":
		to.owner = value
	case "runbook":
		to.runbook = value
	}
	return true
}

func (r *reader) warehouses(n *yaml.Node) []warehouse.Config {
	var out []warehouse.Config
	for _, f := range r.fields(n, "names of warehouses, each with a `dsn:`") {
		w := warehouse.Config{Name: f.name}
		if strings.ContainsAny(f.name, ".\" \t") || f.name == "" {
			r.wrong(f.key, "the name of a warehouse stands before a dot in `table:`: leave out dots, quotes and spaces")
		}
		for _, k := range r.fields(f.value, "`dsn:` and its like") {
			r.warehouseKey(&w, k)
		}
		switch {
		case w.DSN == "" && r.hasDSN(f.value): // what is wrong with it is said already
		case w.DSN == "":
			r.wrong(f.key, "warehouse %s has no dsn: want `dsn: postgres://...`, `mysql://...` or `sqlite:PATH`", f.name)
		case w.Dialect == "" && warehouse.DialectOf(w.DSN.Reveal()) == "":
			r.wrong(f.key, "warehouse %s: the dsn does not tell its dialect: add `dialect:` (%s)", f.name, strings.Join(warehouse.Dialects(), ", "))
		default:
			w.Dialect = cmp.Or(w.Dialect, warehouse.DialectOf(w.DSN.Reveal()))
		}
		r.resolveFiles(&w)
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b warehouse.Config) int { return strings.Compare(a.Name, b.Name) })
	return out
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

func (r *reader) hasDSN(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && slices.ContainsFunc(r.fields(n, ""), func(f field) bool { return strings.HasPrefix(f.name, "dsn") })
}

func (r *reader) warehouseKey(w *warehouse.Config, k field) {
	switch k.name {
	case "dsn":
		s, _ := r.text(k.value)
		w.DSN = sentinel.Secret(s)
		r.secrets = append(r.secrets, s)
	case "dsn_file":
		w.DSN, _ = r.secretFile(k.value)
	case "repair_dsn":
		s, _ := r.text(k.value)
		w.RepairDSN = sentinel.Secret(s)
		r.secrets = append(r.secrets, s)
	case "repair_dsn_file":
		w.RepairDSN, _ = r.secretFile(k.value)
	case "standby_dsn":
		r.decode(k.value, &w.StandbyDSN)
		for _, s := range w.StandbyDSN {
			r.secrets = append(r.secrets, s.Reveal())
		}
	case "standby_dsn_file":
		items := []*yaml.Node{k.value}
		if k.value.Kind == yaml.SequenceNode {
			items = k.value.Content
		}
		for _, item := range items {
			if s, ok := r.secretFile(item); ok {
				w.StandbyDSN = append(w.StandbyDSN, s)
			}
		}
	case "dialect":
		w.Dialect, _ = r.text(k.value)
		if w.Dialect != "" && !slices.Contains(warehouse.Dialects(), w.Dialect) {
			r.wrong(k.value, "%s", settings.UnknownWord("dialect", w.Dialect, warehouse.Dialects()))
		}
	case "max_connections":
		r.decode(k.value, &w.MaxConnections)
		if w.MaxConnections < 0 || w.MaxConnections > 100 {
			r.wrong(k.value, "want 1 to 100 connections")
		}
	case "statement_timeout":
		w.StatementTimeout = r.duration(k.value)
	case "lock_timeout":
		w.LockTimeout = r.duration(k.value)
	case "change_counters":
		r.decode(k.value, &w.ChangeCounters)
	default:
		r.wrong(k.key, "%s", settings.UnknownWord("key", k.name, slices.Concat(fieldsOf(warehouseType).names, []string{"dsn_file", "repair_dsn_file", "standby_dsn_file"})))
	}
}
