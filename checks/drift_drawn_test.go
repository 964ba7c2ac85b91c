package checks_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestStatementsOfDrawnChanges draws changes in which columns take each other's names. The
// statements that are shown run from top to bottom, and leave no drift that had one.
func TestStatementsOfDrawnChanges(t *testing.T) {
	t.Parallel()
	for _, engine := range warehouse.Dialects() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			r := rand.New(rand.NewPCG(20, 19))
			var rows []ddlRow
			for n := range 120 {
				row := drawChanges(engine, r)
				row.name = fmt.Sprint("drawn ", n)
				rows = append(rows, row)
			}
			shown := b.undo(b.connection(), rows)
			for _, kind := range []sentinel.DriftKind{sentinel.ColumnRenamed, sentinel.ColumnRemoved, sentinel.IndexRemoved} {
				if !shown[kind] {
					t.Errorf("no drift shows a statement that undoes %s", kind)
				}
			}
		})
	}
}

// drawnTable is a table while changes are drawn.
type drawnTable struct {
	engine     string
	r          *rand.Rand
	columns    []drawnColumn
	indexed    [2]string // columns of the index; "" if it is gone
	checked    string    // column of the check
	statements []string
}

type drawnColumn struct{ name, typ string }

func drawChanges(engine string, r *rand.Rand) ddlRow {
	words := map[string]string{"postgres": "varchar(9)", "mysql": "varchar(9)", "sqlite": "text"}[engine]
	d := &drawnTable{engine: engine, r: r, columns: []drawnColumn{{"a", "int"}, {"b", words}, {"c", "int"}, {"e", "int"}},
		indexed: [2]string{"a", "e"}, checked: "c"}
	before := "CREATE TABLE $d (a int, b " + words + " DEFAULT 'x', c int, e int"
	if engine == "sqlite" {
		d.checked, before = "", before+")"
	} else {
		before += ", CONSTRAINT k_" + "$d CHECK (c > 0))"
	}
	for range 1 + r.IntN(5) {
		d.change()
	}
	return ddlRow{before: before + "; CREATE INDEX $i ON $d (a, e)", change: strings.Join(d.statements, "; ")}
}

func (d *drawnTable) run(format string, args ...any) {
	d.statements = append(d.statements, fmt.Sprintf(format, args...))
}

func (d *drawnTable) change() {
	i := d.r.IntN(len(d.columns))
	switch d.r.IntN(7) {
	case 0, 1:
		d.rename(i, d.free())
	case 2:
		j := d.r.IntN(len(d.columns))
		if one, other := d.columns[i].name, d.columns[j].name; i != j {
			d.rename(i, "swap")
			d.rename(j, one)
			d.rename(i, other)
		}
	case 3:
		if len(d.columns) > 2 {
			d.dropIndex(d.columns[i].name)
			d.dropCheck(d.columns[i].name)
			d.run("ALTER TABLE $d DROP COLUMN %s", d.columns[i].name)
			d.columns = slices.Delete(d.columns, i, i+1)
		}
	case 4:
		name := d.free()
		d.columns = append(d.columns, drawnColumn{name, "int"})
		d.run("ALTER TABLE $d ADD COLUMN %s int", name)
	case 5:
		d.dropIndex(d.indexed[0])
		d.indexed = [2]string{d.columns[i].name, d.columns[(i+1)%len(d.columns)].name}
		d.run("CREATE INDEX $i ON $d (%s, %s)", d.indexed[0], d.indexed[1])
	case 6:
		d.alter(i)
	}
}

// alter changes what a column is, or the check.
func (d *drawnTable) alter(i int) {
	c := &d.columns[i]
	switch {
	case d.engine == "sqlite":
	case c.typ == "int" && d.r.IntN(2) == 0:
		d.dropCheck(d.checked)
		d.checked = c.name
		d.run("ALTER TABLE $d ADD CONSTRAINT k_$d CHECK (%s > 0)", c.name)
	case c.typ == "int":
		c.typ = "bigint"
		d.run(map[string]string{
			"postgres": "ALTER TABLE $d ALTER %[1]s TYPE bigint, ALTER %[1]s SET NOT NULL",
			"mysql":    "ALTER TABLE $d MODIFY %[1]s bigint NOT NULL",
		}[d.engine], c.name)
	default:
		d.run("ALTER TABLE $d ALTER COLUMN %s SET DEFAULT '5'", c.name)
	}
}

func (d *drawnTable) rename(i int, name string) {
	was := d.columns[i].name
	d.run("ALTER TABLE $d RENAME COLUMN %s TO %s", was, name)
	d.columns[i].name = name
	for k := range d.indexed {
		if d.indexed[k] == was {
			d.indexed[k] = name
		}
	}
	if d.checked == was {
		d.checked = name
	}
}

func (d *drawnTable) dropIndex(of string) {
	if of == "" || !slices.Contains(d.indexed[:], of) {
		return
	}
	d.indexed = [2]string{}
	if d.engine == "mysql" {
		d.run("DROP INDEX $i ON $d")
		return
	}
	d.run("DROP INDEX $i")
}

func (d *drawnTable) dropCheck(of string) {
	if of == "" || d.checked != of {
		return
	}
	d.checked = ""
	d.run("ALTER TABLE $d DROP CONSTRAINT k_$d")
}

// free is a name that no column has. The old names are among them.
func (d *drawnTable) free() string {
	for {
		name := string("abcexyz"[d.r.IntN(7)])
		if !slices.ContainsFunc(d.columns, func(c drawnColumn) bool { return c.name == name }) {
			return name
		}
	}
}
