package checks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// onEveryPair runs a test for each pair of engines. The second is the warehouse "other".
func onEveryPair(t *testing.T, do func(here, there *bench)) {
	t.Helper()
	for _, a := range warehouse.Dialects() {
		for _, b := range warehouse.Dialects() {
			t.Run(a+" to "+b, func(t *testing.T) {
				t.Parallel()
				here, there := newBench(t, a, warehouse.Config{}), newBench(t, b, warehouse.Config{})
				here.env.Warehouse = func(name string) (*warehouse.DB, error) {
					if name == "other" {
						return there.db, nil
					}
					return here.db, nil
				}
				do(here, there)
			})
		}
	}
}

func (b *bench) elsewhere(there *bench, column, field string) *checks.Reference {
	to := &sentinel.Table{Warehouse: "other", Schema: there.schema, Name: "target"}
	return &checks.Reference{Columns: strings.Split(column, ","), To: to, Field: strings.Split(field, ",")}
}

// sampled returns a reference of n that samples columns.
func (b *bench) sampled(there *bench, limit int, mask map[string]string, columns ...string) *checks.Reference {
	c := b.elsewhere(there, "n", "n")
	c.Samples = listing(limit, mask, columns...).Samples
	return c
}

// utf8Text is the type of texts of any characters.
func (b *bench) utf8Text() string {
	if b.name == "mysql" {
		return "varchar(40) CHARACTER SET utf8mb4"
	}
	return "varchar(40)"
}

// Keys of another warehouse are compared by their values, as plain Go compares them.
func TestReferenceToAnotherWarehouse(t *testing.T) {
	t.Parallel()
	texts := []string{"a", "A", "ä", "a ", "", " ", "ß", "ss", "😀", "é", "e\u0301", "\uff01", "z", "Z", "10", "9"}
	numbers := []string{"0", "1", "-1", "10", "9", "9223372036854775807", "-9223372036854775807"}
	amounts := []string{"1.50", "0.10", "-0.10", "100.00", "7.00"}
	onEveryPair(t, func(here, there *bench) {
		r := rand.New(rand.NewPCG(1, uint64(len(here.name)*100+len(there.name))))
		rows := make([][]map[string]string, 2)
		for side, b := range []*bench{here, there} {
			name := []string{"source", "target"}[side]
			b.exec("CREATE TABLE " + name + " (s " + b.utf8Text() + ", n bigint, d decimal(12,2), day date, at " + b.plain() + ")")
			var tuples []string
			for range 40 {
				row := map[string]string{"s": texts[r.IntN(len(texts))], "n": numbers[r.IntN(len(numbers))],
					"d": amounts[r.IntN(len(amounts))], "day": "2026-11-2" + fmt.Sprint(r.IntN(4)),
					"at": "2026-11-20 10:00:0" + fmt.Sprint(r.IntN(6))}
				if r.IntN(8) == 0 {
					row[[]string{"s", "n", "d", "day", "at"}[r.IntN(5)]] = "NULL"
				}
				rows[side] = append(rows[side], row)
				var values []string
				for _, c := range []string{"s", "n", "d", "day", "at"} {
					v := row[c]
					if v != "NULL" && c != "n" && c != "d" {
						v = "'" + v + "'"
					}
					values = append(values, v)
				}
				tuples = append(tuples, "("+strings.Join(values, ", ")+")")
			}
			b.exec("INSERT INTO " + name + " VALUES " + strings.Join(tuples, ", "))
		}
		for _, columns := range []string{"s", "n", "d", "day", "at", "s,n", "n,day", "d,at,s"} {
			of, bad := orphansOf(rows[0], rows[1], strings.Split(columns, ","))
			status := sentinel.Pass
			if bad > 0 {
				status = sentinel.Fail
			}
			here.want("source", here.elsewhere(there, columns, columns), status, fmt.Sprintf("%d of %d rows", bad, of))
		}
	})
}

func orphansOf(of, to []map[string]string, columns []string) (rows, bad int) {
	key := func(row map[string]string) (string, bool) {
		var parts []string
		for _, c := range columns {
			if row[c] == "NULL" {
				return "", false
			}
			parts = append(parts, row[c])
		}
		return strings.Join(parts, "\x00"), true
	}
	there := map[string]bool{}
	for _, row := range to {
		if k, ok := key(row); ok {
			there[k] = true
		}
	}
	for _, row := range of {
		if k, ok := key(row); ok {
			rows++
			if !there[k] {
				bad++
			}
		}
	}
	return rows, bad
}

// More keys than may be read are an error, and so is what cannot be compared. Many pages are
// merged.
func TestReferenceToAnotherWarehouseOfManyKeys(t *testing.T) {
	t.Parallel()
	onEveryPair(t, func(here, there *bench) {
		if here.name == there.name {
			return
		}
		const digits = "(SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL " +
			"SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) "
		many := "SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i AS n FROM " + digits + "a, " + digits + "b, " +
			digits + "c, " + digits + "d, (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2) e"
		here.exec("CREATE TABLE source (n bigint, x double precision, at "+here.plain()+")", "INSERT INTO source (n) "+many,
			"INSERT INTO source (n) VALUES (-5), (-5), (30001), (NULL)", "CREATE TABLE hollow (n bigint)")
		there.exec("CREATE TABLE target (n bigint, x double precision)", "INSERT INTO target (n) "+many)
		check := func() *checks.Reference { return here.elsewhere(there, "n", "n") }
		here.want("source", check(), sentinel.Fail, "3 of 30,003 rows have a n that is not in other")
		here.want("hollow", check(), sentinel.Pass, "no rows to look at")
		few := check()
		few.MaxKeys = 20_000
		here.want("source", few, sentinel.Error, "has more than 20,000 different keys")
		narrow := check()
		narrow.MaxKeys, narrow.Where, narrow.ToWhere = 20_000, "n < 15000", "n < 14990"
		here.want("source", narrow, sentinel.Fail, "12 of 15,002 rows")
		engine := check()
		engine.Compare = "engine"
		here.want("source", engine, sentinel.Error, "compare: engine is for tables of one warehouse")
		here.want("source", here.elsewhere(there, "x", "x"), sentinel.Error, "not compared between warehouses, because floats are rounded")
		if got, want := here.take("source", here.sampled(there, 1, nil, "n")), "c0: n = -5, rows = 2"; got != want {
			here.tb.Errorf("got %s, want %s", got, want)
		}
		if got, want := here.take("source", here.sampled(there, 5, map[string]string{"n": "length"}, "n")),
			"c0: n = 2 (length), rows = 2\nc0: n = 5 (length), rows = 1"; got != want {
			here.tb.Errorf("got %s, want %s", got, want)
		}
		for want, c := range map[string]*checks.Reference{
			"c0: no sample: samples.columns lists none of n, whose values are bad": here.sampled(there, 5, nil, "x"),
			"c0: no sample: mask names n, which is no column of the sample: nothing is read unmasked": here.sampled(there, 5,
				map[string]string{"n": "hash"}, "keys"),
		} {
			if got := here.take("source", c); got != want {
				here.tb.Errorf("got %s, want %s", got, want)
			}
		}
		there.exec("DELETE FROM target WHERE n < 2", "INSERT INTO target (n) VALUES (-5), (30001), (0), (1)")
		if got, want := here.take("source", here.sampled(there, 5, nil, "n")), "c0: no sample: no bad row was found any more"; got != want {
			here.tb.Errorf("got %s, want %s", got, want)
		}
		there.exec("DROP TABLE target")
		here.want("source", check(), sentinel.Error, "does not exist")
		job := here.job("source", check())
		job.Tick = time.Now()
		_ = checks.Plan(t.Context(), here.env, "w", []checks.Job{job})
	})
}
