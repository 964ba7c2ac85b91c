package repair_test

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// TestDocumentedPrivilegesAreEnough runs the statements of docs/privileges.md and
// reloads a table as the two users they make.
func TestDocumentedPrivilegesAreEnough(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/privileges.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, b := range sqlBlock.FindAllStringSubmatch(string(page), -1) {
		engine := "postgres"
		if strings.Contains(b[1], "@'%'") {
			engine = "mysql"
		}
		blocks[engine] += b[1]
	}
	for engine, statements := range blocks {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBenchAlone(t, engine)
			b.orders()
			name := b.databaseName()
			reader, writer := "r_"+name, "w_"+name
			run := strings.NewReplacer("sentinel_reader", reader, "sentinel_repair", writer, "shop.*", name+".*", "DATABASE shop", "DATABASE "+name, "change-me", "x").Replace(statements)
			for _, s := range strings.Split(strings.TrimSpace(run), ";\n") {
				b.exec(strings.TrimSuffix(s, ";"))
			}
			t.Cleanup(func() {
				for _, user := range []string{reader, writer} {
					if engine == "mysql" {
						b.exec("DROP USER '" + user + "'@'%'")
						continue
					}
					b.exec("DROP OWNED BY "+user, "DROP ROLE "+user)
				}
			})
			cfg := warehouse.Config{Name: "w", Dialect: engine, DSN: sentinel.Secret(b.as(reader)), RepairDSN: sentinel.Secret(b.as(writer)), Now: clock}
			read, err := warehouse.Open(cfg)
			b.must(err)
			write, err := repair.OpenWriter(cfg)
			b.must(err)
			t.Cleanup(func() { b.must(read.Close(), write.Close()) })
			for _, d := range repair.Doctor(t.Context(), read, write) {
				if d.Level == "fail" || d.Level == "warn" && strings.HasPrefix(d.Text, "dsn:") {
					t.Errorf("doctor: %s %s", d.Level, d.Text)
				}
			}
			target := &repair.Target{Read: read, Write: write, Now: clock, Warehouse: func(string) (*warehouse.DB, error) { return read, nil }}
			a := b.fromStaging()
			r := b.planned(a, target)
			if r.Repair.Plan.Class != sentinel.ClassAuto {
				t.Errorf("%s: %s", r.Repair.Plan.Class, r.Repair.Plan.Why)
			}
			b.must(a.Stage(t.Context(), r), a.Apply(t.Context(), r))
			if got := b.content("orders"); strings.Count(got, "new") != 8 {
				t.Errorf("after the reload\n%s", got)
			}
			b.must(a.Rollback(t.Context(), r))
		})
	}
}

func (b *bench) databaseName() string {
	if b.engine == "mysql" {
		return b.schema
	}
	u, err := url.Parse(b.dsn)
	b.must(err)
	return strings.TrimPrefix(u.Path, "/")
}

// as is the DSN of another user of the same database.
func (b *bench) as(user string) string {
	if b.engine == "mysql" {
		_, server, _ := strings.Cut(b.dsn, "@")
		return user + ":x@" + server
	}
	u, err := url.Parse(b.dsn)
	b.must(err)
	u.User = url.UserPassword(user, "x")
	return u.String()
}
