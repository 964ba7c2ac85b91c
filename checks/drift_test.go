package checks_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ddlRow is a change by real DDL, and exactly the drifts that it is reported as. $name is a
// name of the row's own; the table $d is compared. Statements are divided by "; ", or by
// ";;" where they contain semicolons.
type ddlRow struct {
	name   string
	before string // makes the table
	change string
	want   string // keys of drifts; "": the change is quiet
	// back takes the change back: after it nothing is reported but remains. "": it is not
	// taken back.
	back    string
	remains string
}

var ownName = regexp.MustCompile(`\$[a-z]+`)

// of returns a text of row n.
func (ddlRow) of(n int, text string) string {
	return ownName.ReplaceAllStringFunc(text, func(name string) string { return fmt.Sprint(name[1:], "_", n) })
}

func (r ddlRow) statements(n int, text string) []string {
	separator := "; "
	if strings.Contains(text, ";;") {
		separator = ";;"
	}
	var out []string
	for s := range strings.SplitSeq(r.of(n, text), separator) {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// rows holds the rows of all engines.
var ddlRows = map[string][]ddlRow{"postgres": postgresRows, "mysql": mysqlRows, "sqlite": sqliteRows}

// TestDDL makes all tables of an engine, changes them, and takes the changes back. The
// catalog is read once each time.
func TestDDL(t *testing.T) {
	t.Parallel()
	for engine, rows := range ddlRows {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			conn := b.connection()
			run := func(n int, text string) {
				for _, s := range rows[n].statements(n, text) {
					if _, err := conn.ExecContext(t.Context(), s); err != nil {
						t.Fatalf("%s: %s: %v", rows[n].name, s, err)
					}
				}
			}
			each := func(text func(ddlRow) string) snapshots {
				for n, r := range rows {
					run(n, text(r))
				}
				return b.tables(len(rows))
			}
			before := each(func(r ddlRow) string { return r.before })
			changed := each(func(r ddlRow) string { return r.change })
			restored := each(func(r ddlRow) string { return r.back })
			for n, r := range rows {
				name := r.of(n, "$d")
				wantDrifts(t, r.name, changed.after(name, before), r.of(n, r.want))
				if r.back != "" {
					wantDrifts(t, r.name+", and back", restored.after(name, before), r.of(n, r.remains))
				}
			}
		})
	}
}

// snapshots are the tables of a bench at one time.
type snapshots map[string]*warehouse.Table

// present are the tables by their full names.
func (s snapshots) present() map[warehouse.TableName]*warehouse.Table {
	present := map[warehouse.TableName]*warehouse.Table{}
	for _, t := range s {
		present[t.TableName] = t
	}
	return present
}

// after returns how a table differs from what it was before.
func (s snapshots) after(name string, before snapshots) []sentinel.Drift {
	return checks.Diff(before[name], s[name], checks.DiffOptions{Present: s.present()})
}

func wantDrifts(t *testing.T, name string, drifts []sentinel.Drift, want string) {
	t.Helper()
	expected := strings.Fields(want)
	slices.Sort(expected)
	if got := kinds(drifts); !slices.Equal(got, expected) {
		t.Errorf("%s: got %v, want %v\n%s", name, got, expected, checks.RenderDrifts(drifts))
	}
}

// connection is one connection of the database's owner.
func (b *bench) connection() *sql.Conn {
	b.tb.Helper()
	db, err := sql.Open(b.driver, b.admin)
	if err != nil {
		b.tb.Fatal(err)
	}
	conn, err := db.Conn(b.tb.Context())
	if err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(func() {
		if err := conn.Close(); err != nil {
			b.tb.Error(err)
		}
		if err := db.Close(); err != nil {
			b.tb.Error(err)
		}
	})
	return conn
}

// tables reads the tables d_0 to d_n, and the tables p and q beside them.
func (b *bench) tables(n int) snapshots {
	b.tb.Helper()
	scope := warehouse.Scope{Facts: warehouse.AllFacts &^ warehouse.Changes}
	for i := range n {
		for _, name := range []string{"d_", "p_", "q_"} {
			scope.Tables = append(scope.Tables, warehouse.TableName{Schema: b.schema, Name: fmt.Sprint(name, i)})
		}
	}
	c, err := b.db.Catalog(context.WithoutCancel(b.tb.Context()), scope)
	if err != nil {
		b.tb.Fatal(err)
	}
	out := snapshots{}
	for name, table := range c.Tables {
		// As a baseline: what the store keeps.
		stored, err := checks.DecodeSnapshot(checks.EncodeSnapshot(table))
		if err != nil {
			b.tb.Fatal(err)
		}
		out[name.Name] = stored
	}
	return out
}

// TestDDLRows holds the number of rows, and that every kind of drift has one.
func TestDDLRows(t *testing.T) {
	t.Parallel()
	reported := map[string]bool{}
	total := 0
	for _, rows := range ddlRows {
		total += len(rows)
		for _, r := range rows {
			for want := range strings.FieldsSeq(r.want) {
				kind, _, _ := strings.Cut(want, ":")
				reported[kind] = true
			}
		}
	}
	if total < 150 {
		t.Errorf("%d rows, want 150", total)
	}
	for _, kind := range checks.DriftKinds() {
		if !reported[string(kind)] && kind != sentinel.TableCreated {
			t.Errorf("no row is reported as %s", kind)
		}
	}
}
