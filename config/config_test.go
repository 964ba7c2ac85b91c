package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/warehouse"
)

var update = flag.Bool("update", false, "write golden files")

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, p := range pairs {
			if v, ok := strings.CutPrefix(p, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}
}

func TestC24EveryMistakeIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load("testdata/mistakes.yaml", env())
	var mistakes *config.Errors
	if !errors.As(err, &mistakes) || len(mistakes.List) < 20 {
		t.Fatalf("%v", err)
	}
	got := err.Error() + "\n"
	if *update {
		if err := os.WriteFile("testdata/mistakes.golden", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/mistakes.golden")
	if err != nil || got != string(want) {
		t.Errorf("got\n%s\nwant\n%s (%v)", got, want, err)
	}
	if strings.Contains(got, "topsecret") {
		t.Error("a secret is shown")
	}
}

func TestC23SingleMistakes(t *testing.T) {
	t.Parallel()
	head := "warehouses: {w: {dsn: \"sqlite:w.db\", repair_dsn: \"sqlite:w.db\"}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":   {"", "1:1: the file is empty"},
		"only a comment":  {"# nothing\n", "1:1: the file is empty"},
		"a tab":           {"warehouses:\n\tw: {}\n", "2:1: a tab in the indentation"},
		"not a mapping":   {"- a\n- b\n", "want keys such as `warehouses:`"},
		"a duplicate key": {head + "listen: a\nlisten: b\n", "listen"},
		"two documents":   {head + "---\na: b\n", "a second document"},
		"an alias":        {"warehouses: &a {w: {dsn: \"sqlite:w.db\"}}\ndefaults: *a\n", "aliases are not used"},
		"no dataset":      {head, "no dataset"},
		"an unset variable": {
			"warehouses: {w: {dsn: \"${NOT_SET}\"}}\ndatasets: [{table: w.t, checks: [schema]}]\n",
			"the environment variable NOT_SET is not set",
		},
		"an empty variable": {
			"warehouses: {w: {dsn: \"${EMPTY}\"}}\ndatasets: [{table: w.t, checks: [schema]}]\n",
			"the environment variable EMPTY is empty",
		},
		"a missing file": {
			"warehouses: {w: {dsn_file: nowhere}}\ndatasets: [{table: w.t, checks: [schema]}]\n", "nowhere",
		},
		"the same id twice": {
			head + "datasets:\n  - table: w.t\n    checks:\n      - schema: {id: x}\n      - row_count: {id: x}\n",
			"6:9: the check \"x\" stands here and in line",
		},
		"the same table": {
			head + "datasets:\n  - {table: w.t, checks: [schema]}\n  - {table: w.t, checks: [row_count > 0]}\n",
			"stands here and in line 3",
		},
		"a cron prefix": {
			head + "defaults: {schedule: \"TZ=UTC 0 6 * * *\"}\ndatasets: [{table: w.t, checks: [schema]}]\n",
			"write the zone as `timezone:`",
		},
		"wrong indentation": {
			head + "datasets:\n  - table: w.t\n    checks:\n      - row_count:\n        min: 1\n",
			"indent the fields below the kind",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Parse("f.yaml", []byte(c.text), env("EMPTY="))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

const whole = `
state: sqlite:state.db
token: ${TOKEN}
warehouses:
  shop: {dsn: "${SHOP_DSN:-postgres://reader:pw@db/shop}", statement_timeout: 10s}
defaults: {schedule: "*/10 * * * *", timezone: Europe/Berlin, owner: platform, confirm: {failures: 2, of: 3}}
datasets:
  - table: shop.public.orders
    time_column: created_at
    tier: critical
    checks:
      - freshness: {column: updated_at, warn_after: {count: 12, period: hour}, error_after: {count: 24, period: hour}}
      - freshness: {expected: "0 6 * * 1-5", grace: 30m}
      - freshness(created_at) < 1d6h
      - row_count between 10 and 1_000
      - row_count: {bucket: day, delay: 2h, change: {against: same_day_last_week, fail: "< -50%"}, confirm: null, owner: ann}
      - schema: {like: shop.staging.orders}
      - schema: {columns: {id: bigint, note: null}}
      - sql: {query: "SELECT 1", fail: "> $$5"}
  - table: shop.mart.dim_%
    exclude: [dim_tmp*]
    owner: null
    checks: [schema]
`

func TestCompleteFile(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(whole, "$$5", "5")
	c, err := config.Parse("dir/f.yaml", []byte(text), env("TOKEN=abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if c.State.Reveal() != "sqlite:"+filepath.Join("dir", "state.db") || c.Token.Reveal() != "abcdef" ||
		c.Warehouses[0].Dialect != "postgres" ||
		c.Warehouses[0].StatementTimeout != 10*time.Second {
		t.Errorf("%+v", c)
	}
	d := c.Datasets[0]
	var ids []string
	for _, k := range d.Checks {
		ids = append(ids, strings.TrimPrefix(k.Common().ID, "shop.public.orders/"))
	}
	if got := strings.Join(ids, " "); got != "freshness:updated_at freshness:deadline freshness:created_at row_count "+
		"row_count:day:change schema:like:shop.staging.orders schema:declared sql" {
		t.Errorf("ids %s", got)
	}
	fresh := d.Checks[0].Check.(*checks.Freshness)
	if time.Duration(fresh.Warn) != 12*time.Hour || time.Duration(fresh.Fail) != 24*time.Hour ||
		d.Checks[0].Owner != "platform" ||
		d.Checks[0].Tier != "critical" ||
		fresh.Confirm.Failures != 2 {
		t.Errorf("freshness %+v %+v", fresh, d.Checks[0])
	}
	count := d.Checks[4]
	if count.Common().Confirm != nil || count.Owner != "ann" || c.Datasets[1].Checks[0].Owner != "" {
		t.Errorf("an explicit null switches an inherited default off: %+v", count)
	}
	if d.Location.String() != "Europe/Berlin" || d.Checks[0].Schedule.String() != "*/10 * * * * Europe/Berlin" {
		t.Errorf("zone %v, schedule %v", d.Location, d.Checks[0].Schedule)
	}
}

// TestRowSecurityIsInherited: a check has the word of its dataset, else that of `defaults:`.
func TestRowSecurityIsInherited(t *testing.T) {
	t.Parallel()
	const text = `
warehouses: {w: {dsn: "postgres://h/d"}}
defaults: {row_security: visible}
datasets:
  - {table: w.a.b, checks: [row_count > 0]}
  - {table: w.a.c, row_security: error, checks: [row_count > 0, {sql: {query: SELECT 1, fail: "> 1", row_security: visible}}]}
  - {table: w.a.d, row_security: null, checks: [row_count > 0]}
`
	c, err := config.Parse("f.yaml", []byte(text), env())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range c.Datasets {
		for _, check := range d.Checks {
			got = append(got, check.Common().RowSecurity)
		}
	}
	if want := "visible error visible error"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	_, err = config.Parse("f.yaml", []byte(strings.Replace(text, "row_security: error", "row_security: visble", 1)), env())
	if err == nil || !strings.Contains(err.Error(), "f.yaml:6") || !strings.Contains(err.Error(), "visible") {
		t.Errorf("%v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("f.yaml", []byte(strings.ReplaceAll(whole, "$$5", "5")), env("TOKEN=abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	catalog := &warehouse.Catalog{DefaultSchema: "public", Tables: map[warehouse.TableName]*warehouse.Table{}}
	for _, name := range []string{"dim_a", "dim_b", "dim_tmp_x", "fact"} {
		catalog.Tables[warehouse.TableName{Schema: "mart", Name: name}] = &warehouse.Table{}
	}
	catalog.Tables[warehouse.TableName{Schema: "public", Name: "Orders"}] = &warehouse.Table{}
	found, err := c.Datasets[1].Resolve(catalog)
	if err != nil || len(found) != 2 || found[1].Table.Name != "dim_b" ||
		found[1].Checks[0].Common().ID != "shop.mart.dim_b/schema" ||
		found[0].Checks[0].Common().ID != "shop.mart.dim_a/schema" {
		t.Errorf("%+v, %v", found, err)
	}
	one, err := c.Datasets[0].Resolve(catalog)
	if err != nil || one[0].Table.Name != "Orders" {
		t.Errorf("names are found without regard to case: %+v, %v", one, err)
	}
	catalog.Tables[warehouse.TableName{Schema: "public", Name: "ORDERS"}] = &warehouse.Table{}
	if _, err := c.Datasets[0].Resolve(catalog); err == nil || !strings.Contains(err.Error(), "ambiguous") {
		t.Errorf("%v, want ambiguous", err)
	}
}

// TestEntriesOfOneTableAreMerged: one that names it and patterns that match it, in
// any order.
func TestEntriesOfOneTableAreMerged(t *testing.T) {
	t.Parallel()
	const before, named, after = `
  - table: w.main.*
    tier: info
    time_column: at
    depends_on: [w.main.up]
    checks: [row_count > 0, {freshness: {expected: "0 6 * * *"}}]
    repair: [{id: again, on: [freshness], reload_partition: {from: [w.main.up], partition: at}}]`, `
  - table: w.main.orders
    tier: critical
    time_column: created
    depends_on: [w.main.up, w.main.other]
    checks: [{sql: {name: ids, query: select 1, fail: "> 5"}}, row_count > 5]`, `
  - {table: w.main.ord%, time_column: late, checks: [row_count > 7, {row_count: {where: x > 1, min: 1}}]}`
	catalog := &warehouse.Catalog{DefaultSchema: "main", Tables: map[warehouse.TableName]*warehouse.Table{}}
	for _, name := range []string{"items", "orders", "up", "other"} {
		catalog.Tables[warehouse.TableName{Schema: "main", Name: name}] = &warehouse.Table{}
	}
	for _, entries := range []string{before + named + after, named + before + after} {
		c, err := config.Parse(
			"f.yaml",
			[]byte("warehouses: {w: {dsn: \"sqlite:w.db\", repair_dsn: \"sqlite:w.db\"}}\ndatasets:"+entries),
			env("TOKEN=abcdef"),
		)
		if err != nil {
			t.Fatal(err)
		}
		var found []config.Dataset
		for _, d := range c.Datasets {
			some, err := d.Resolve(catalog)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, some...)
		}
		found = config.Together(found)
		if len(found) != 4 {
			t.Fatalf("%d datasets of 4 tables", len(found))
		}
		orders := found[slices.IndexFunc(found, func(d config.Dataset) bool { return d.Table.Name == "orders" })]
		var got []string
		for _, c := range orders.Checks {
			got = append(got, strings.TrimPrefix(c.Common().ID, "w.main.orders/")+" "+c.Tier)
			if r, ok := c.Check.(*checks.RowCount); ok && r.Where == "" && r.Fail.Low != sentinel.Int(5) {
				t.Errorf("the pattern's row_count %v stands, not the table's own", r.Fail)
			}
		}
		if want := "sql:ids critical, row_count critical, freshness:deadline info, row_count:x > 1 warning"; strings.Join(
			got,
			", ",
		) != want {
			t.Errorf("checks %q, want %q", strings.Join(got, ", "), want)
		}
		if orders.TimeColumn != "created" || len(orders.DependsOn) != 2 || len(orders.Repairs) != 1 || orders.Risk == nil ||
			orders.Risk.Check != 2 {
			t.Errorf("%+v", orders)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("f.yaml", []byte(strings.ReplaceAll(whole, "$$5", "5")), env("TOKEN=abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", c.Token, c.Warehouses, c.Warehouses); strings.Contains(text, "pw@") ||
		strings.Contains(text, "abcdef") {
		t.Error(text)
	}
	if text, err := sentinel.NewSecret("x").MarshalText(); err != nil || string(text) != "***" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestJSONSchemaNamesEveryKey(t *testing.T) {
	t.Parallel()
	schema := string(config.JSONSchema())
	for _, key := range append(
		checks.Kinds(), "state", "dsn_file", "expected_partitions", "column_removed", "max_future", "same", "confirm",
	) {
		if key != "same" && !strings.Contains(schema, `"`+key+`"`) {
			t.Errorf("%s is not in the schema", key)
		}
	}
}

func many(n int) []byte {
	var b strings.Builder
	b.WriteString("warehouses: {w: {dsn: \"sqlite:w.db\", repair_dsn: \"sqlite:w.db\"}}\ndatasets:\n")
	for i := range n / 4 {
		fmt.Fprintf(
			&b,
			"  - table: w.s.t_%d\n    time_column: at\n    checks:\n      - row_count > 0\n"+
				"      - freshness: {warn: 1h, fail: 2h}\n      - schema\n      - row_count: {bucket: day, fail: \"< 10\"}\n",
			i,
		)
	}
	return []byte(b.String())
}

func TestFingerprintCoversSharedSettings(t *testing.T) {
	t.Parallel()
	fingerprint := func(file, and string) string {
		c, err := config.Parse("f.yaml", []byte(file), env())
		if err != nil {
			t.Fatal(err)
		}
		return c.Fingerprint(and)
	}
	file := string(many(8))
	one := fingerprint(file, "v1")
	if len(one) != 16 || one != fingerprint("listen: 127.0.0.1:1\nexternal_url: https://one.example.com\n"+strings.ReplaceAll(file, "\n", " \r\n"), "v1") {
		t.Errorf("%s: where an agent is reached, and how its lines end, is no difference", one)
	}
	if one == fingerprint(file, "v2") || one == fingerprint(file+"jitter: 1s\n", "v1") {
		t.Errorf("%s: another version, or another file, is one", one)
	}
}

// own says of each dataset what could stand under defaults.
func own(n int) []byte {
	const more = "\n    schedule: \"*/10 6-22 * * *\"\n    timezone: Europe/Berlin\n    owner: data-team\n" +
		"    tier: critical\n    time_column: at\n"
	return bytes.ReplaceAll(many(n), []byte("\n    time_column: at\n"), []byte(more))
}

func BenchmarkLoad(b *testing.B) {
	for name, file := range map[string]func(int) []byte{"defaults": many, "own": own} {
		for _, n := range []int{600, 20000} {
			b.Run(fmt.Sprintf("%s/checks=%d", name, n), func(b *testing.B) {
				data := file(n)
				var c *config.Config
				var err error
				b.ReportAllocs()
				for b.Loop() {
					if c, err = config.Parse("f.yaml", data, env()); err != nil {
						b.Fatal(err)
					}
				}
				var with, without runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&with)
				runtime.KeepAlive(c)
				c = nil
				runtime.GC()
				runtime.ReadMemStats(&without)
				b.ReportMetric(float64(with.HeapAlloc-without.HeapAlloc)/float64(n), "kept-B/check")
			})
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(many(8))
	if data, err := os.ReadFile("testdata/mistakes.yaml"); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := config.Parse("f.yaml", data, env("TOKEN=abcdef"))
		if err != nil && !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Errorf("an error without a place: %v", err)
		}
	})
}
