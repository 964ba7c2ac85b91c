package reload_test

import (
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

type parquetOrder struct {
	ID     int64    `parquet:"id"`
	Amount *int32   `parquet:"amount,optional,decimal(2:9)"`
	Note   *string  `parquet:"note,optional"`
	At     int64    `parquet:"at,timestamp(millisecond)"`
	Tags   []string `parquet:"tags,list"` // nested: no place in a table
}

func writeParquet[T any](t *testing.T, name string, rows []T, options ...parquet.WriterOption) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := parquet.WriteFile(path, rows, options...); err != nil {
		t.Fatal(err)
	}
	return path
}

func parquetOrders() []parquetOrder {
	amount, note, other := int32(150), "a, b", "new"
	at := func(hour int) int64 { return time.Date(2026, 3, 11, hour, 0, 0, 0, time.UTC).UnixMilli() }
	rows := []parquetOrder{{ID: 1100, Amount: &amount, Note: &note, At: at(1), Tags: []string{"x", "y"}}, {ID: 1101, At: at(2)}}
	for id := int64(1102); id < 1105; id++ {
		rows = append(rows, parquetOrder{ID: id, Amount: &amount, Note: &other, At: at(3)})
	}
	return rows
}

func TestReloadFromParquet(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]parquet.WriterOption{
		"plain":  {parquet.MaxRowsPerRowGroup(2)}, // several row groups
		"zstd":   {parquet.Compression(&parquet.Zstd)},
		"snappy": {parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1)},
	} {
		repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
			b.CreateOrders()
			before := b.Rows("orders")
			path := writeParquet(t, name+".parquet", parquetOrders(), options...)
			a := &reload.Partition{File: []string{path}, BatchRows: 2}
			run := b.NewRun(a, b.Target())
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			got := strings.ReplaceAll(repairtest.Query(t, b.Driver, b.Owner, "SELECT id, amount, note FROM orders WHERE id IN (1100, 1101) ORDER BY 1"), "1.50", "1.5")
			if want := "1100|1.5|a, b|\n1101|||\n"; got != want {
				t.Errorf("%s: got\n%swant\n%s", name, got, want)
			}
			b.Must(a.Rollback(t.Context(), run))
			if b.Rows("orders") != before {
				t.Errorf("taken back:\n%s", b.Rows("orders"))
			}
		})
	}
}

// parquetTypes has a row of every type that a table can hold.
type parquetTypes struct {
	ID    int64            `parquet:"id"`
	At    int64            `parquet:"at,timestamp(microsecond)"`
	Truth bool             `parquet:"truth"`
	Big   uint64           `parquet:"big"`
	Cents int64            `parquet:"cents,decimal(4:18)"`
	Wide  [16]byte         `parquet:"wide,decimal(3:38)"`
	Day   int32            `parquet:"day,date"`
	Clock int64            `parquet:"clock,time(microsecond)"`
	Ratio float64          `parquet:"ratio"`
	Old   deprecated.Int96 `parquet:"old"`
	Name  string           `parquet:"name,enum"`
}

func TestParquetTypesOnEveryEngine(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 11, 1, 2, 3, 456789000, time.UTC)
	const hour = 3_600_000_000_000 // nanoseconds
	var rows []parquetTypes
	for id := range int64(10) {
		rows = append(rows, parquetTypes{
			ID: id, At: at.UnixMicro(), Truth: id%2 == 1, Big: 1<<63 - 1, Cents: -12345 - id, Wide: twosComplement("-1234567890123456789012345"),
			Day: int32(at.Unix() / 86400), Clock: (3*3600 + 4*60 + 5) * 1e6, Ratio: 0.1,
			Old: deprecated.Int96{hour & 0xffffffff, hour >> 32, 2440588 + uint32(at.Unix()/86400)}, Name: "ü; DROP TABLE x",
		})
	}
	path := writeParquet(t, "types.parquet", rows)
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		wide := "numeric(38,3)"
		if b.Driver == "sqlite" {
			wide = "text" // its numbers are floats
		}
		stamp := map[string]string{"pgx": "timestamp", "mysql": "datetime(6)", "sqlite": "datetime"}[b.Driver]
		b.Exec("CREATE TABLE typed (id bigint primary key, at " + stamp + ", truth boolean, big bigint, cents numeric(18,4), wide " + wide + ", day date, clock time, ratio double precision, old " + stamp + ", name varchar(50))")
		a := &reload.Partition{File: []string{path}, BatchRows: 3}
		b.Must(a.Validate())
		target, err := b.Agent.Target(t.Context(), b.Table("typed"))
		b.Must(err)
		trigger := b.OpenIncident(repairtest.MissingDay)
		trigger.Incident.Table = b.Table("typed")
		plan, err := a.Plan(t.Context(), target, trigger)
		b.Must(err)
		run := &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.Table("typed"), Plan: plan, Fence: 1, Attempts: 1}}
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		got := repairtest.Query(t, b.Driver, b.Owner, "SELECT id, at, CASE WHEN truth THEN 'yes' ELSE 'no' END, big, cents, wide, day, clock, ratio, old, name FROM typed WHERE id = 3")
		for _, want := range []string{"2026-03-11", "01:02:03.456789", "yes", "9223372036854775807", "-1.2348", "-1234567890123456789012.345", "03:04:05", "0.1", "01:00:00", "ü; DROP TABLE x"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
	})
}

// twosComplement is a number as 16 bytes, the highest first.
func twosComplement(s string) (out [16]byte) {
	n, _ := new(big.Int).SetString(s, 10)
	n.Add(n, new(big.Int).Lsh(big.NewInt(1), 128)).FillBytes(out[:])
	return out
}

func TestDamagedParquetIsRefused(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	whole, err := os.ReadFile(writeParquet(t, "whole.parquet", parquetOrders()))
	b.Must(err)
	broken := append([]byte(nil), whole...)
	for i := 4; i < len(broken)/3; i++ {
		broken[i] ^= 0x5a
	}
	type nested struct {
		ID     int64                 `parquet:"id"`
		Amount *int32                `parquet:"amount,optional,decimal(2:9)"`
		Note   struct{ A, B string } `parquet:"note"`
		At     int64                 `parquet:"at,timestamp(millisecond)"`
	}
	inner, err := os.ReadFile(writeParquet(t, "nested.parquet", make([]nested, 5)))
	b.Must(err)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut.parquet":    {whole[:len(whole)-20], "cannot be read"},
		"empty.parquet":  {nil, "cannot be read"},
		"text.parquet":   {[]byte("id,amount\n1,2\n"), "cannot be read"},
		"broken.parquet": {broken, ""},
		"nested.parquet": {inner, "no column note"},
	} {
		path := filepath.Join(t.TempDir(), name)
		b.Must(os.WriteFile(path, c.data, 0o600))
		a := &reload.Partition{File: []string{path}}
		b.Must(a.Validate())
		_, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay))
		var refused *repair.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
