package repair_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/warehouse"
)

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// TestDocumentedPrivilegesSuffice runs the statements of docs/privileges.md and
// reloads a table as the two users they make.
func TestDocumentedPrivilegesSuffice(t *testing.T) {
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
			b := repairtest.NewAlone(t, engine)
			b.CreateOrders()
			name := b.Name
			reader, writer := "r_"+name, "w_"+name
			run := strings.NewReplacer("sentinel_reader", reader, "sentinel_repair", writer, "shop.*", name+".*", "DATABASE shop", "DATABASE "+name, "change-me", "x").Replace(statements)
			for _, s := range strings.Split(strings.TrimSpace(run), ";\n") {
				b.Exec(strings.TrimSuffix(s, ";"))
			}
			t.Cleanup(func() {
				for _, user := range []string{reader, writer} {
					if engine == "mysql" {
						b.Exec("DROP USER '" + user + "'@'%'")
						continue
					}
					b.Exec("DROP OWNED BY "+user, "DROP ROLE "+user)
				}
			})
			cfg := warehouse.Config{Name: "w", Dialect: engine, DSN: sentinel.NewSecret(b.DSNOf(reader)),
				RepairDSN: sentinel.NewSecret(b.DSNOf(writer)), Clock: repairtest.Clock}
			read, err := warehouse.Open(cfg)
			b.Must(err)
			write, err := repair.OpenWriter(cfg)
			b.Must(err)
			t.Cleanup(func() { b.Must(read.Close(), write.Close()) })
			for _, d := range repair.Doctor(t.Context(), read, write) {
				if d.Level == "fail" || d.Level == "warn" && strings.HasPrefix(d.Text, "dsn:") {
					t.Errorf("doctor: %s %s", d.Level, d.Text)
				}
			}
			target := &repair.Target{Read: read, Write: write, Clock: repairtest.Clock, Sources: repairtest.Sources{"": read}}
			a := b.ReloadFromStaging()
			r := b.NewRun(a, target)
			if r.Repair.Plan.Class != sentinel.ClassAuto {
				t.Errorf("%s: %s", r.Repair.Plan.Class, r.Repair.Plan.Why)
			}
			b.Must(a.Stage(t.Context(), r), a.Apply(t.Context(), r))
			if got := b.Rows("orders"); strings.Count(got, "new") != 8 {
				t.Errorf("after the reload\n%s", got)
			}
			b.Must(a.Rollback(t.Context(), r))
		})
	}
}
