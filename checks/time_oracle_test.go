package checks_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// oracleRounds is the number of rounds of TestTimesAgainstAnOracle on each engine.
const oracleRounds = 12

// oracleColumns hold the same instants in several forms. The names are those of the
// columns. naive: what the clock of the zone showed.
var oracleColumns = []struct {
	name, kind string
	holds      func(time.Time) string
	how        checks.TimeColumn
	naive      bool
	days       bool // no hours
}{
	{"s", "bigint", seconds, checks.TimeColumn{Unit: "s"}, false, false},
	{"ms", "bigint", millis, checks.TimeColumn{Unit: "ms"}, false, false},
	{"us", "bigint", micros, checks.TimeColumn{Unit: "us"}, false, false},
	{"ns", "bigint", nanos, checks.TimeColumn{Unit: "ns"}, false, false},
	{"ymd", "integer", ymd, checks.TimeColumn{Format: "%Y%m%d"}, true, true},
	{"ymdhms", "bigint", func(t time.Time) string { return t.Format("20060102150405") },
		checks.TimeColumn{Format: "%Y%m%d%H%M%S"}, true, false},
	{"german", "varchar(40)", german, checks.TimeColumn{Format: "%d.%m.%Y %H:%M:%S"}, true, false},
	{"iso", "varchar(40)", isoUTC, checks.TimeColumn{Format: "%Y-%m-%dT%H:%M:%SZ", UTC: true}, false, false},
	{"plain", "", local, checks.TimeColumn{}, true, false}, // the engine's timestamp without a zone
}

// oracleRound is one draw: rows around a tick in a zone.
type oracleRound struct {
	loc  *time.Location
	tick time.Time
	rows []time.Time // a zero one is NULL
}

// TestTimesAgainstAnOracle draws rows, zones and ticks. It compares the buckets that are
// counted, and the buckets that are missed, with what plain Go says of the rows.
func TestTimesAgainstAnOracle(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		seed := uint64(time.Now().UnixNano())
		random := rand.New(rand.NewPCG(seed, 0))
		t.Logf("%s: seed %d", b.name, seed)
		columns := []string{"round integer"}
		for i := range oracleColumns {
			kind := oracleColumns[i].kind
			if kind == "" {
				kind = b.plain()
			}
			columns = append(columns, oracleColumns[i].name+" "+kind)
		}
		b.exec("CREATE TABLE o (" + strings.Join(columns, ", ") + ")")
		for n := range oracleRounds {
			r := drawRound(t, random)
			var values []string
			for _, at := range r.rows {
				row := []string{fmt.Sprint(n)}
				for i := range oracleColumns {
					text := "NULL"
					if !at.IsZero() {
						text = oracleColumns[i].holds(at.In(r.loc))
					}
					row = append(row, text)
				}
				values = append(values, "("+strings.Join(row, ", ")+")")
			}
			b.exec("INSERT INTO o VALUES " + strings.Join(values, ", "))
			b.wantOracle(n, r)
		}
	})
}

// drawRound draws rows at and around the begins of hours and days, some of them in an hour
// that comes twice or is left out.
func drawRound(t *testing.T, random *rand.Rand) oracleRound {
	t.Helper()
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Santiago", "Australia/Lord_Howe"}
	loc, err := time.LoadLocation(zones[random.IntN(len(zones))])
	if err != nil {
		t.Fatal(err)
	}
	r := oracleRound{loc: loc, tick: time.Unix(1_000_000_000+random.Int64N(900_000_000), 0)} // 2001 to 2030
	if _, change := r.tick.In(loc).ZoneBounds(); random.IntN(2) == 0 && !change.IsZero() {
		r.tick = change.Add(time.Duration(random.IntN(72*60)) * time.Minute)
	}
	for range 40 {
		at := r.tick.Add(-time.Duration(random.IntN(75*60)) * time.Minute)
		switch random.IntN(8) {
		case 0:
			at = time.Time{}
		case 1:
			at = at.Truncate(time.Hour)
		case 2:
			at = at.Truncate(time.Hour).Add(-time.Second)
		case 3:
			y, m, d := at.In(loc).Date()
			at = time.Date(y, m, d, 0, 0, 0, 0, loc)
		}
		r.rows = append(r.rows, at.Truncate(time.Second))
	}
	return r
}

// wantOracle runs checks on the rows of a round.
func (b *bench) wantOracle(round int, r oracleRound) {
	b.tb.Helper()
	b.loc, b.tick = r.loc, r.tick
	for i := range oracleColumns {
		c := &oracleColumns[i]
		how := c.how
		how.Column = c.name
		for _, unit := range []checks.Period{"hour", "day"} {
			if c.days && unit == "hour" {
				continue
			}
			label := func(at time.Time) string { return oracleLabel(at.In(r.loc), unit, c.naive || b.mixed(c.name)) }
			counts := map[string]int64{}
			for _, at := range r.rows {
				if !at.IsZero() {
					counts[label(at)]++
				}
			}
			closed := oracleClosed(r, label)
			where := checks.Options{Where: fmt.Sprintf("round = %d", round)}
			got := b.run("o",
				&checks.RowCount{Options: where, Bucketed: checks.Bucketed{Bucket: unit, Time: &how}, Fail: bound(b.tb, "< 0")},
				&checks.RowCount{Options: where, Bucketed: checks.Bucketed{Time: &how},
					ExpectedPartitions: &checks.Partitions{Every: unit, Last: len(closed)}})
			what := fmt.Sprintf("%s: round %d, %s in %s, %s at %s", b.name, round, c.name, r.loc, unit, r.tick.In(r.loc))
			if n := got[0].Observations; len(n) == 0 || n[0].Value != sentinel.Int(counts[closed[0]]) {
				b.tb.Fatalf("%s: %s, want %d rows for %s", what, got[0].Message, counts[closed[0]], closed[0])
			}
			missing := int64(0)
			for _, l := range closed {
				if counts[l] == 0 {
					missing++
				}
			}
			if n := got[1].Observations; len(n) == 0 || n[len(n)-1].Value != sentinel.Int(missing) {
				b.tb.Fatalf("%s: %s, want %d of %v missing", what, got[1].Message, missing, closed)
			}
		}
	}
}

// mixed reports whether a column of SQLite holds values that say themselves what they are.
func (b *bench) mixed(column string) bool { return column == "plain" && b.name == "sqlite" }

// oracleLabel names the hour or day that holds a local time. Both passes of an hour that
// comes twice have one name in a column without a zone.
func oracleLabel(at time.Time, unit checks.Period, naive bool) string {
	switch {
	case unit == "day":
		return at.Format("2006-01-02")
	case naive:
		return at.Format("2006-01-02 15")
	}
	return at.Format("2006-01-02 15 -07")
}

// oracleClosed returns the names of the last 24 hours or 3 days that were over at the
// tick, newest first: it walks back a minute at a time and notes each new name.
func oracleClosed(r oracleRound, label func(time.Time) string) []string {
	names := []string{label(r.tick)}
	for at := r.tick; r.tick.Sub(at) < 75*time.Hour; at = at.Add(-time.Minute) {
		if l := label(at); !slices.Contains(names, l) {
			names = append(names, l)
		}
	}
	want := 24
	if strings.Count(names[0], " ") == 0 {
		want = 3
	}
	return names[1 : 1+min(want, len(names)-2)]
}
