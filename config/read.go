package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/outbound"
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
	for i := range f.Datasets {
		f.Datasets[i].Checks = append(f.Datasets[i].Checks, f.Datasets[i].Columns.entries...)
	}
	r.invalid(root, root, "", settings.CheckWords(&f))
	r.checkLimits(root, &f)
	c := &Config{
		State:          r.state(root, f.State),
		Listen:         f.Listen,
		Token:          f.Token,
		Outbound:       r.outbound(root, &f.Outbound, nil),
		Backup:         r.backup(f.Backup, &f.Outbound),
		Retention:      f.Retention,
		RetentionSize:  int64(f.RetentionSize),
		AuditRetention: f.AuditRetention,
		Agents:         f.Agents,
		MaxSilence:     f.MaxSilence,
		Flaps:          f.Flapping,
		Jitter:         f.Jitter,
		CatchUp:        f.CatchUp,
		MaxSeries:      f.MaxSeries,
		URL:            r.externalURL(nodeOf(root, root, "external_url"), f.ExternalURL),
		RepairsOff:     f.Repairs == "off",
		RepairBudget:   f.RepairBudget,
		Warehouses:     r.warehouses(f.Warehouses),
		Channels:       r.channels(&f),
		Windows:        r.maintenance(f.Maintenance),
		Exporters:      r.exporters(f.Exporters),
		Unwatched:      r.unwatched(f.Unwatched),
	}
	c.Routes = notify.DefaultRoutes(c.Channels)
	if !isNull(child(root, "routes")) {
		c.Routes = r.routes(f.Routes, slices.Collect(maps.Keys(f.Notify)))
	}
	if len(f.Warehouses) == 0 && !r.keysWrong(root) {
		r.wrong(root, "no warehouse: want `warehouses:` with at least one name")
	}
	var base inherited
	r.inherit(&base, f.Defaults, child(root, "defaults"))
	switch n := child(root, "datasets"); {
	case isNull(n) && r.keysWrong(root):
	case isNull(n):
		r.wrong(nodeOf(root, root, "datasets"), "no dataset: want `datasets:` with at least one table")
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		r.wrong(n, "no dataset: want at least one `- table: warehouse.schema.table`")
	}
	r.datasets(c, f.Datasets, base)
	c.Web = r.access(c, &f)
	r.warn(c, &f)
	return c
}

// checkLimits checks the values of keys at the top of the file.
func (r *reader) checkLimits(root *yaml.Node, f *file) {
	if f.RepairBudget < 0 {
		r.wrong(nodeOf(root, root, "repair_budget"), "want how many repairs may begin in an hour, such as 60")
	}
	if _, port, err := net.SplitHostPort(f.Listen); err != nil || !isPort(port) {
		r.wrong(nodeOf(root, root, "listen"), "want an address and a port, such as 127.0.0.1:9780")
	}
	if f.Agents < 0 || f.Agents > 100 || f.Agents > 1 && !store.Shared(f.State.Reveal()) && f.State.Reveal() != "" {
		r.wrong(nodeOf(root, root, "agents"), "want 1 to 100 agents; several share a state in PostgreSQL alone")
	}
	if f.RetentionSize != 0 && f.RetentionSize < 10_000_000 {
		r.wrong(nodeOf(root, root, "retention_size"), "want 10MB or more, such as 20GB")
	}
	if f.AuditRetention < 24*time.Hour {
		r.wrong(nodeOf(root, root, "audit_retention"), "want a day or more, such as 730d")
	}
	if f.MaxSilence <= 0 {
		r.wrong(nodeOf(root, root, "max_silence"), "want how long a silence may last, such as 30d")
	}
	flapping := nodeOf(root, root, "flapping")
	r.invalid(flapping, flapping, "flapping", f.Flapping.Validate())
}

// state checks the address of the state, and makes the path of a file absolute.
func (r *reader) state(root *yaml.Node, dsn sentinel.Secret) sentinel.Secret {
	state := dsn.Reveal()
	resolved, err := store.Resolve(state, r.path)
	if err == nil && state == "sqlite:" {
		err = errors.New("it names no file: write its path after the colon, such as sqlite:sentinel.db")
	}
	if d, known := warehouse.DialectNamed(warehouse.DialectOf(state)); err == nil && known == nil {
		if _, ofFile := d.(warehouse.FileDialect); !ofFile {
			err = warehouse.CheckDSN(d, state)
		}
	}
	if err != nil {
		r.wrong(nodeOf(root, root, "state"), "state: %v", err)
	}
	if resolved == state || err != nil {
		return dsn
	}
	return sentinel.NewSecret(resolved)
}

// outbound checks rules for requests at a node; nil rules are those of the file.
func (r *reader) outbound(at *yaml.Node, rules, ofFile *outbound.Rules) *outbound.Rules {
	if rules == nil {
		return ofFile
	}
	n := nodeOf(at, at, "outbound")
	if !r.isWrong(child(at, "outbound")) {
		r.resolvePaths(rules)
		r.invalid(n, n, "outbound", rules.Validate())
	}
	return rules
}

// isPort reports whether a text is the number of a port; 0 is any.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
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
	tags     []string // sorted
	// rowSecurity is "visible" where the rows that a user sees are judged.
	rowSecurity string
	confirm     *checks.Confirm
	samples     *checks.Samples // nil: none
	slo         *SLO            // nil: none
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
		to.schedule = cmp.Or(to.schedule, keyIn(reflect.TypeFor[inheritable](), "schedule").Default) // of a wrong one
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
		r.inheritWord(&to.tier, "tier", from.Tier.value, n)
	}
	if from.RowSecurity.given {
		r.inheritWord(&to.rowSecurity, "row_security", from.RowSecurity.value, n)
	}
	if from.Owner.given {
		to.owner = r.shared(from.Owner.value)
	}
	if from.Runbook.given {
		to.runbook = r.shared(from.Runbook.value)
	}
	if from.Tags.given {
		r.inheritTags(to, from.Tags.value, n)
	}
	if from.Confirm.given {
		r.inheritConfirm(to, from.Confirm.value, n)
	}
	if from.Samples.given {
		r.inheritSamples(to, from.Samples.value, n)
	}
	if from.SLO.given {
		r.inheritSLO(to, from.SLO.value, n)
	}
}

// inheritWord overrides an inherited value that is one of some words.
func (r *reader) inheritWord(to *string, name, value string, n *yaml.Node) {
	key := keyIn(reflect.TypeFor[inheritable](), name)
	if value != "" && !slices.Contains(key.Words, value) {
		r.wrong(nodeOf(n, n, name), "%s", settings.UnknownWord(name, value, key.Words))
		return
	}
	*to = r.shared(cmp.Or(value, key.Default))
}

// inheritConfirm overrides inherited numbers of bad results.
func (r *reader) inheritConfirm(to *inherited, confirm *checks.Confirm, n *yaml.Node) {
	at := child(n, "confirm")
	if confirm != nil && (r.isWrong(at) || r.invalid(at, at, "confirm", confirm.Validate())) {
		return
	}
	to.confirm = confirm
}

// inheritSLO overrides an inherited service level.
func (r *reader) inheritSLO(to *inherited, slo *SLO, n *yaml.Node) {
	at := child(n, "slo")
	if slo != nil && (r.isWrong(at) || r.invalid(at, at, "slo", slo.Validate())) {
		return
	}
	to.slo = slo
}

// inheritSamples overrides inherited samples.
func (r *reader) inheritSamples(to *inherited, samples *checks.Samples, n *yaml.Node) {
	at := child(n, "samples")
	if samples != nil && (r.isWrong(at) || r.invalid(at, at, "samples", samples.Validate())) {
		return
	}
	to.samples = samples
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
	implied := dialectOf(e.DSN)
	switch {
	case e.DSN.IsZero() && slices.ContainsFunc(settings.SecretKeys("dsn"), e.given):
		// A mistake in it is already recorded, unless it is empty.
		if n := child(e.node, "dsn"); n != nil && (isNull(n) || n.Value == "") {
			r.wrong(n, "warehouse %s has no dsn: want `dsn: postgres://...`, `mysql://...` or `sqlite:PATH`", e.Name)
		}
	case e.DSN.IsZero() && e.node != nil && r.keysWrong(e.node):
	case e.DSN.IsZero():
		r.wrong(key, "warehouse %s has no dsn: want `dsn: postgres://...`, `mysql://...` or `sqlite:PATH`", e.Name)
	case e.Dialect == "" && implied == "":
		const message = "warehouse %s: the form of the dsn does not identify a dialect: %s"
		r.wrong(nodeOf(e.node, key, "dsn"), message, e.Name, hint(e.DSN.Reveal(), dialects))
	default:
		e.Dialect = cmp.Or(e.Dialect, implied)
	}
	if e.node != nil {
		r.dsns(e)
	}
	r.budget(e, key)
	r.resolveFiles(&e.Config)
}

// given reports whether the warehouse has a key.
func (e *warehouseEntry) given(key string) bool { return given(e.node, key) }

// dsns refuses DSNs with which no connection can be made, and those that contradict each other.
func (r *reader) dsns(e *warehouseEntry) {
	d, err := warehouse.DialectNamed(e.Dialect)
	if err != nil {
		return // a mistake already
	}
	check := func(key string, dsn sentinel.Secret) {
		n := nodeOf(e.node, e.node, key)
		implied := dialectOf(dsn)
		switch err := warehouse.CheckDSN(d, dsn.Reveal()); {
		case dsn.IsZero() || r.isWrong(n):
		case key != "dsn" && implied != "" && implied != e.Dialect:
			r.wrong(n, "warehouse %s: want the same database: this is one of %s and dsn one of %s", e.Name, implied, e.Dialect)
		case key != "dsn" && implied == "" && dialectOf(e.DSN) != "":
			r.wrong(n, "warehouse %s: the form of this dsn is not one of %s: write it in the form of dsn", e.Name, e.Dialect)
		case (implied == "" || implied == e.Dialect) && err != nil:
			r.wrong(n, "warehouse %s: %v", e.Name, err)
		}
	}
	check("dsn", e.DSN)
	check("repair_dsn", e.RepairDSN)
	if one, other := databaseOf(e.DSN), databaseOf(e.RepairDSN); one != "" && other != "" && one != other {
		n := nodeOf(e.node, e.node, "repair_dsn")
		r.notes = append(r.notes, fmt.Sprintf("%s:%d: warehouse %s: repair_dsn is of the database %s and dsn of %s: repairs "+
			"change tables that nothing checks", r.file, n.Line, e.Name, r.mask(other), r.mask(one)))
	}
	for i, standby := range e.StandbyDSN {
		check(settings.Index("standby_dsn", i), standby)
		if standby.Reveal() == e.DSN.Reveal() && !standby.IsZero() {
			r.wrong(nodeOf(e.node, e.node, settings.Index("standby_dsn", i)), "warehouse %s: it is the dsn itself: "+
				"want the address of another server", e.Name)
		}
	}
}

// databaseOf returns the database of a DSN that is a URL; "" where it is not told.
func databaseOf(dsn sentinel.Secret) string {
	u, err := url.Parse(dsn.Reveal())
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.Trim(u.Path, "/")
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
		if dsn.Reveal() != "" {
			*dsn = sentinel.NewSecret(files.Resolve(dsn.Reveal(), r.path))
		}
	}
}
