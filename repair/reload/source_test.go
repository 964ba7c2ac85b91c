package reload_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

func TestReloadFromFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"orders-2026-03-11.csv", "\ufeffid,extra,note,amount,at\n1100,x,\"a, b\",1.5,2026-03-11 01:00:00\n1101,x,,,2026-03-11T02:00:00Z\n1102,x,new,2,2026-03-11 03:00:00\n1103,x,new,2,2026-03-11 03:00:00\n1104,x,new,2,2026-03-11 03:00:00\n", "1100|1.5|a, b|\n1101|||\n"},
		{"orders-2026-03-11.jsonl", `{"id": 1100, "note": "a, b", "amount": 1.5, "at": "2026-03-11 01:00:00"}
{"id": 1101, "note": null, "at": "2026-03-11T02:00:00Z"}
{"id": 1102, "note": "new", "amount": 2, "at": "2026-03-11 03:00:00"}
{"id": 1103, "note": "new", "amount": 2, "at": "2026-03-11 03:00:00"}
{"id": 1104, "note": "new", "amount": 2, "at": "2026-03-11 03:00:00"}
`, "1100|1.5|a, b|\n1101|||\n"},
	} {
		repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
			b.CreateOrders()
			before := b.Rows("orders")
			dir := t.TempDir()
			b.Must(os.WriteFile(filepath.Join(dir, c.name), []byte(c.text), 0o600))
			a := &reload.Partition{From: []sentinel.Table{b.Table("nowhere")}, File: []string{filepath.Join(dir, strings.ReplaceAll(c.name, "2026-03-11", "{date}"))}, BatchRows: 2}
			run := b.NewRun(a, b.Target())
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			if !strings.HasSuffix(run.Source, c.name) {
				t.Errorf("from %q", run.Source)
			}
			got := strings.ReplaceAll(repairtest.Query(t, b.Driver, b.Owner, "SELECT id, amount, note FROM orders WHERE id IN (1100, 1101) ORDER BY 1"), "1.50", "1.5")
			if got != c.want {
				t.Errorf("%s: got\n%s", c.name, got)
			}
			b.Must(a.Rollback(t.Context(), run))
			if b.Rows("orders") != before {
				t.Errorf("taken back:\n%s", b.Rows("orders"))
			}
		})
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	before := b.Rows("orders")
	good := "id,amount,note,at\n" + strings.Repeat("1,1,x,2026-03-11 01:00:00\n", 4)
	for name, c := range map[string]struct{ text, want string }{
		"quote.csv":  {good + `5,1,"x,2026-03-11 01:00:00`, "row 5"},
		"fields.csv": {good + "5,1\n", "wrong number of fields"},
		"column.csv": {"id,amount,at\n" + strings.Repeat("1,1,2026-03-11 01:00:00\n", 5), "no column note"},
		"empty.csv":  {"", "no rows"},
		"short.csv":  {"id,amount,note,at\n1,1,x,2026-03-11 01:00:00\n", "fewer than 90%"},
		"cut.jsonl":  {strings.Repeat(`{"id": 1, "amount": 1, "note": "x", "at": "2026-03-11 01:00:00"}`+"\n", 5) + `{"id": 6, "am`, "row 6"},
		"what.xml":   {"<a/>", "want a file that ends in"},
		"absent.csv": {"-", "no such file"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if c.text != "-" {
			b.Must(os.WriteFile(path, []byte(c.text), 0o600))
		}
		a := &reload.Partition{File: []string{path}}
		b.Must(a.Validate())
		_, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay))
		var refused *repair.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if b.Rows("orders") != before {
		t.Error("the table was touched")
	}
}

func TestC50RowsOutsideWindowFailInStaging(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		for _, c := range []struct{ last, want string }{
			{"5,1,x,2026-03-12 01:00:00", "outside of the window"},
			{"5,1,x,", "at"},
			{"4,1,x,2026-03-11 01:00:00", "more than once"},
		} {
			path := filepath.Join(t.TempDir(), "orders.csv")
			b.Must(os.WriteFile(path, []byte("id,amount,note,at\n1,1,x,2026-03-11 01:00:00\n2,1,x,2026-03-11 01:00:00\n3,1,x,2026-03-11 01:00:00\n4,1,x,2026-03-11 01:00:00\n"+c.last+"\n"), 0o600))
			a := &reload.Partition{File: []string{path}}
			run := b.NewRun(a, b.Target())
			if err := a.Stage(t.Context(), run); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.last, err)
			}
			if b.Rows("orders") != before {
				t.Error("the table was touched")
			}
			b.Sweep()
		}
	})
}

func TestTextFilesKeepTexts(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	for name, c := range map[string]struct{ text, want, refused string }{
		"windows.csv": {"id,amount,note,at\r\n1001,1,\"a\r\nb\rc\nd\r\r\n\",2026-03-11 01:00:00\r\n",
			"610D0A620D630A640D0D0A", ""},
		"long.csv": {"id,amount,note,at\n1001,1,\"" + strings.Repeat("\r\n", 5000) + "\",2026-03-11 01:00:00\n",
			strings.Repeat("0D0A", 5000), ""},
		"escapes.jsonl": {`{"id": 1001, "amount": 1, "note": "\ufffd\ud83d\ude00", "at": "2026-03-11 01:00:00"}`,
			"EFBFBDF09F9880", ""},
		"alone.jsonl": {`{"id": 1001, "amount": 1, "note": "\ufffd\ud83d", "at": "2026-03-11 01:00:00"}`, "",
			`key "note": the text has an escape that is no character`},
		"latin1.jsonl": {`{"id": 1001, "amount": 1, "note": "` + "\xfc" + `", "at": "2026-03-11 01:00:00"}`, "",
			`key "note": the text is not UTF-8`},
	} {
		path := filepath.Join(t.TempDir(), name)
		b.Must(os.WriteFile(path, []byte(c.text), 0o600))
		a := &reload.Partition{File: []string{path}, MinRatio: new(float64)}
		b.Must(a.Validate())
		_, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay))
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want %q", name, err, c.refused)
			}
			continue
		}
		run := b.NewRun(a, b.Target())
		run.Repair.ID, run.Repair.Key = name, name
		b.Must(err, a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		got := repairtest.Query(t, b.Driver, b.Owner, "SELECT hex(note) FROM orders WHERE id = 1001")
		if got != c.want+"|\n" {
			t.Errorf("%s: %.100s, want %.100s", name, got, c.want)
		}
	}
}
