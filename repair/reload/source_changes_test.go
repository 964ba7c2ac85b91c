package reload_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// changingSource is a source of eight rows, whose text of row 100 a test changes. The rows
// stay as many.
type changingSource struct {
	action *reload.Partition
	target *repair.Target
	write  func(note string)
}

// changingSources makes a source of each kind for a fixture.
var changingSources = map[string]func(b *repairtest.Fixture) changingSource{
	"same server": func(b *repairtest.Fixture) changingSource {
		return changingSource{b.ReloadFromStaging(), b.Target(), updateStaging(b)}
	},
	"without key": func(b *repairtest.Fixture) changingSource {
		for _, table := range []string{"orders", "staging"} {
			rows := b.Rows(table)
			b.Exec("DROP TABLE "+table, "CREATE TABLE "+table+" (id integer, amount numeric(10,2), note varchar(20), at "+b.Instant+")")
			insertShown(b, table, rows)
		}
		return changingSource{b.ReloadFromStaging(), b.Target(), updateStaging(b)}
	},
	"other server": func(b *repairtest.Fixture) changingSource { return otherSource(b, b.Engine) },
	"other engine": func(b *repairtest.Fixture) changingSource {
		b.Exec("DROP TABLE orders", "DROP TABLE staging")
		b.CreateOrdersAt(b.Timestamp)
		return otherSource(b, map[string]string{"postgres": "mysql", "mysql": "sqlite", "sqlite": "postgres"}[b.Engine])
	},
	"fallback": func(b *repairtest.Fixture) changingSource {
		s := otherSource(b, "sqlite")
		s.action.From = append([]sentinel.Table{b.Table("nowhere")}, s.action.From...)
		return s
	},
	"csv": func(b *repairtest.Fixture) changingSource {
		return fileSource(b, "orders.csv", func(path, note string) error {
			text := "id,amount,note,at\n"
			for i := range 8 {
				text += fmt.Sprintf("%d,%d,%s,2026-03-11 0%d:00:00\n", 100+i, 10*i, noteOf(i, note), i)
			}
			return os.WriteFile(path, []byte(text), 0o600)
		})
	},
	"jsonl": func(b *repairtest.Fixture) changingSource {
		return fileSource(b, "orders.jsonl", func(path, note string) error {
			text := ""
			for i := range 8 {
				text += fmt.Sprintf(`{"id": %d, "amount": %d, "note": %q, "at": "2026-03-11 0%d:00:00"}`+"\n", 100+i, 10*i, noteOf(i, note), i)
			}
			return os.WriteFile(path, []byte(text), 0o600)
		})
	},
	"parquet": func(b *repairtest.Fixture) changingSource {
		return fileSource(b, "orders.parquet", func(path, note string) error {
			var rows []parquetOrder
			for i := range 8 {
				amount, text := int32(1000*i), noteOf(i, note)
				rows = append(rows, parquetOrder{ID: int64(100 + i), Amount: &amount, Note: &text,
					At: time.Date(2026, 3, 11, i, 0, 0, 0, time.UTC).UnixMilli()})
			}
			return parquet.WriteFile(path, rows)
		})
	},
}

func noteOf(i int, note string) string {
	if i == 0 {
		return note
	}
	return "new"
}

func updateStaging(b *repairtest.Fixture) func(string) {
	return func(note string) { b.Exec("UPDATE staging SET note = '" + note + "' WHERE id = 100") }
}

// insertShown inserts rows as Rows returns them.
func insertShown(b *repairtest.Fixture, table, rows string) {
	for line := range strings.Lines(rows) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		b.Exec(fmt.Sprintf("INSERT INTO %s VALUES (%s, %s, '%s', '%s')", table, cells[0], cells[1], cells[2], cells[3]))
	}
}

func otherSource(b *repairtest.Fixture, engine string) changingSource {
	from := repairtest.New(b.T, engine)
	if engine == b.Engine {
		from.CreateOrders()
	} else {
		from.CreateOrdersAt(from.Timestamp)
	}
	a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}}
	return changingSource{a, across(b, from), updateStaging(from)}
}

// fileSource writes a file that keeps its size and its time of change.
func fileSource(b *repairtest.Fixture, name string, write func(path, note string) error) changingSource {
	path := filepath.Join(b.T.TempDir(), name)
	a := &reload.Partition{File: []string{path}}
	s := changingSource{a, b.Target(), func(note string) {
		b.Must(write(path+".next", note), os.Chtimes(path+".next", repairtest.Day0, repairtest.Day0), os.Rename(path+".next", path))
	}}
	s.write("new")
	return s
}

// TestSourceThatChangesIsStagedAgain: whatever the source is, and whenever a row of it is
// updated before the exchange, the table gets the rows of one state of the source: its last.
func TestSourceThatChangesIsStagedAgain(t *testing.T) {
	t.Parallel()
	for kind, prepare := range changingSources {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
				b.CreateOrders()
				source := prepare(b)
				source.action.BatchRows = 3
				if kind == "without key" {
					source.action.BatchRows = 10
				}
				for i, place := range []string{"staging_batch", "staged", "before_apply"} {
					if place == "staging_batch" && source.action.From != nil && source.action.From[0] == b.Table("staging") {
						place = "before_copy"
					}
					if b.Engine == "sqlite" && place == "before_copy" {
						continue // the transaction of the copy excludes every writer
					}
					late := fmt.Sprintf("l%02d", i)
					run := b.NewRun(source.action, source.target)
					run.Repair.ID, run.Repair.Key = fmt.Sprintf("r%d", i), fmt.Sprintf("k%d", i)
					once := false
					run.Control = repairtest.Control{OnFailpoint: func(at string) {
						if at == place && !once {
							once = true
							source.write(late)
						}
					}}
					if err := carryOut(t, source.action, run); err != nil {
						t.Fatalf("%s: %v", place, err)
					}
					if got := b.Rows("orders"); !once || strings.Count(got, late) != 1 || strings.Count(got, "new") != 7 {
						t.Errorf("%s: the table holds\n%s", place, got)
					}
				}
			})
		})
	}
}

// carryOut takes the steps as the engine does: what is of no use is staged again.
func carryOut(t *testing.T, a *reload.Partition, run *repair.Run) (err error) {
	t.Helper()
	again := 0
	for range 4 {
		var transient *repair.TransientError
		err = a.Stage(t.Context(), run)
		staged := err == nil
		if staged {
			err = a.Apply(t.Context(), run)
		}
		if !errors.As(err, &transient) || staged && !transient.Restage {
			break
		}
		again++
	}
	if err == nil && again != 1 {
		return fmt.Errorf("staged again %d times", again)
	}
	return err
}

// TestApprovedRowsAreReadAgain: a person is asked after the source was staged. What is
// applied is what the source has when it is applied.
func TestApprovedRowsAreReadAgain(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("INSERT INTO orders VALUES (150, 1, 'only here', '2026-03-11 09:00:00')")
	source := otherSource(b, "sqlite")
	clock, skip := skippingClock(b, source.target)
	r := b.RunRepair(b.Policy("reload_partition", source.action, repair.Auto), b.OpenIncident(repairtest.MissingDay))
	b.WantState(r, sentinel.AwaitingApproval, "1 rows of the table")
	source.write("late")
	_, err := repair.Decisions{Store: b.Store, Clock: clock, Who: "ann"}.Approve(t.Context(), r.ID, r.Plan.Hash(), 0)
	b.Must(err)
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RetryWait, "it does not hold still")
	skip()
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
	if got := b.Rows("orders"); strings.Count(got, "late") != 1 || strings.Count(got, "new") != 7 {
		t.Errorf("the table holds\n%s", got)
	}
}

// skippingClock makes every try of the fixture's agent one that is due.
func skippingClock(b *repairtest.Fixture, target *repair.Target) (clock sentinel.Clock, skip func()) {
	var hours atomic.Int64
	b.Agent.Clock = sentinel.ClockFunc(func() time.Time {
		return repairtest.Clock.Now().Add(time.Duration(hours.Load()) * time.Hour)
	})
	b.Agent.Target = b.Agent.TargetOf(target)
	return b.Agent.Clock, func() { hours.Add(1) }
}

// TestRestlessSource: a source that never holds still ends as a failure that says so, and
// the table stays as it was. One that holds still at last is loaded.
func TestRestlessSource(t *testing.T) {
	t.Parallel()
	for changes, want := range map[int]sentinel.RepairState{2: sentinel.RepairSucceeded, 100: sentinel.DeadLetter} {
		for _, kind := range []string{"same server", "other server", "csv"} {
			t.Run(fmt.Sprint(kind, changes), func(t *testing.T) {
				t.Parallel()
				b := repairtest.New(t, "postgres")
				b.CreateOrders()
				before := b.Rows("orders")
				source := changingSources[kind](b)
				_, skip := skippingClock(b, source.target)
				staged := 0
				b.Agent.Failpoint = func(place string) {
					if place == "before_apply" && staged < changes {
						staged++
						source.write(fmt.Sprintf("l%02d", staged))
					}
				}
				p := b.Policy("reload_partition", source.action, repair.Auto)
				retries := 3
				p.Retries = &retries
				r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
				for tries := 0; !r.State.Final(); tries++ {
					if tries > retries {
						t.Fatalf("it goes on: %s: %s", r.State, r.Message)
					}
					b.WantState(r, sentinel.RetryWait, "it does not hold still: its rows are different in note by now")
					if r.Resume != sentinel.RepairStaging {
						t.Errorf("it goes on with %s", r.Resume)
					}
					skip()
					r = b.AdvanceRepair(r.ID)
				}
				b.WantState(r, want, "")
				got := b.Rows("orders")
				if want == sentinel.DeadLetter && (got != before || staged != retries+1 || !strings.Contains(r.Message, "does not hold still")) {
					t.Errorf("staged %d times, %s\n%s", staged, r.Message, got)
				}
				if want == sentinel.RepairSucceeded && (strings.Count(got, "l02") != 1 || r.Attempts != 1) {
					t.Errorf("%d tries to verify it, the table holds\n%s", r.Attempts, got)
				}
			})
		}
	}
}

// TestCrashBetweenSources: the rows of one source never stand under the checkpoint of
// another, wherever the agent dies on its way from one to the next.
func TestCrashBetweenSources(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		from := repairtest.New(t, "sqlite")
		from.CreateOrders()
		csv := fileSource(b, "orders.csv", func(path, _ string) error {
			text := "id,amount,note,at\n"
			for i := range 8 {
				text += fmt.Sprintf("%d,1,csv,2026-03-11 0%d:00:00\n", 100+i, i)
			}
			return os.WriteFile(path, []byte(text), 0o600)
		})
		b.Exec("CREATE TABLE third AS SELECT * FROM staging", "UPDATE third SET note = 'third'")
		away := sentinel.Table{Warehouse: "src", Schema: from.Schema, Name: "staging"}
		a := &reload.Partition{From: []sentinel.Table{away, b.Table("third")}, File: csv.action.File, BatchRows: 3}
		target := across(b, from)
		target.Sources = repairtest.Sources{"src": from.Read, "w": b.Read}
		run := b.NewRun(a, target)
		give := func(source sentinel.UnhelpfulSource) {
			source.Repair, source.Why = run.Repair.ID, "it would not help"
			run.Repair.Unhelpful = append(run.Repair.Unhelpful, source)
		}
		b.Must(a.Stage(t.Context(), run))
		stopped, batches := errors.New("the agent stops"), 0
		dying := repairtest.Control{
			OnFailpoint: func(place string) {
				if place == "staging_batch" {
					batches++
				}
			},
			OnAlive: func() error {
				if batches > 0 {
					return stopped
				}
				return nil
			},
		}
		give(sentinel.UnhelpfulSource{Source: away.String()})
		for _, next := range []string{b.Table("third").String(), a.File[0]} {
			run.Control, batches = dying, 0
			if err := a.Stage(t.Context(), run); !errors.Is(err, stopped) {
				t.Fatalf("%s: %v", next, err)
			}
			run.Control = nil
			forgotten := run.Repair.Unhelpful
			run.Repair.Unhelpful = nil // the next agent begins with the first source again
			run.Repair.Fence++
			b.Must(a.Stage(t.Context(), run))
			run.Repair.Unhelpful = forgotten
			b.Must(a.Stage(t.Context(), run))
			give(sentinel.UnhelpfulSource{Source: next})
		}
		run.Repair.Unhelpful = nil
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		if got := b.Rows("orders"); strings.Count(got, "new") != 8 || strings.Contains(got, "csv") || strings.Contains(got, "third") {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

// TestWideRowsAreReadInShortBatches: a batch ends when its values have a number of bytes,
// however many rows it may have. Without a key, all rows would be one batch: it is refused.
func TestWideRowsAreReadInShortBatches(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql", "sqlite"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b, from := repairtest.New(t, "sqlite"), repairtest.New(t, engine)
			wide := map[string]string{"mysql": "longtext"}[engine]
			if wide == "" {
				wide = "text"
			}
			b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, note text, at timestamp)",
				"INSERT INTO orders VALUES (1, 'old', '2026-03-11 01:00:00')")
			from.Exec("CREATE TABLE staging (id integer NOT NULL PRIMARY KEY, note " + wide + ", at " + from.Timestamp + ")")
			text := map[string]string{"sqlite": "hex(zeroblob(%d))"}[engine]
			for i := range 5 {
				value, n := "repeat('x', %d)", 8<<20
				if text != "" {
					value, n = text, 4<<20
				}
				from.Exec(fmt.Sprintf("INSERT INTO staging VALUES (%d, "+value+", '2026-03-11 0%d:00:00')", i, n, i))
			}
			a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}}
			run := b.NewRun(a, across(b, from))
			batches := 0
			run.Control = repairtest.Control{OnFailpoint: func(place string) {
				if place == "staging_batch" {
					batches++
				}
			}}
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			if batches != 2 { // four rows and one
				t.Errorf("%d batches of 40 MB", batches)
			}
			if got := repairtest.Query(t, b.Driver, b.Owner, "SELECT count(*), min(length(note)) FROM orders"); got != "5|8388608|\n" {
				t.Errorf("the table holds %s", got)
			}
			b.Exec("DROP TABLE orders", "CREATE TABLE orders (id integer, note text, at timestamp)")
			run = b.NewRun(a, across(b, from))
			run.Repair.ID, run.Repair.Key = "r2", "k2"
			var refused *repair.RefusedError
			if err := a.Stage(t.Context(), run); !errors.As(err, &refused) || !strings.Contains(err.Error(), "more than 32 MB: set key") {
				t.Errorf("without a key: %v", err)
			}
		})
	}
}
