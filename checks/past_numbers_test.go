package checks_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
)

// newHistory is a history in which nothing is stored.
type newHistory struct{ history }

func (newHistory) IsNew(context.Context, string) bool { return true }

// pastTable has ten days with 40 rows each, of which i lack a value on the day i days ago. The
// numbers of each day are 1 to 40, beginning with the day's number of gaps.
func (b *bench) pastTable() {
	b.exec("CREATE TABLE past (n bigint, c varchar(9), at " + b.plain() + ")")
	for day := 1; day <= 10; day++ {
		var rows []string
		for i := range 40 {
			n := fmt.Sprint(i + 1)
			if i < day {
				n = "NULL"
			}
			at := b.tick.UTC().Truncate(24*time.Hour).AddDate(0, 0, -day).Add(time.Duration(i) * 30 * time.Minute)
			rows = append(rows, fmt.Sprintf("(%s, '%s', '%s')", n, []string{"DE", "FR"}[i%2], at.Format("2006-01-02 15:04:05")))
		}
		b.exec("INSERT INTO past VALUES " + strings.Join(rows, ", "))
	}
}

// The past of a share and of an aggregate is read once, and equals what each day would have said.
func TestPastNumbers(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.env.History = &newHistory{}
		b.pastTable()
		day := checks.TimeBucket{Bucket: "day"}
		watched := func() checks.Options { return checks.Options{Anomaly: &anomaly.Config{}} }
		rows := func(by ...string) checks.BadRows { return checks.BadRows{TimeBucket: day, By: by, MinRows: new(int)} }
		rank := func(p float64) func(day int) float64 {
			return func(day int) float64 { return float64(day) + math.Ceil(p*float64(40-day)) }
		}
		share := func(part, of int) float64 { return float64(part) / float64(of) * 100 }
		missing := func(day int) float64 { return share(day, 40) }
		for name, c := range map[string]struct {
			check   checks.Check
			segment string
			want    func(day int) float64
		}{
			"missing": {&checks.Missing{Options: watched(), Column: "n", BadRows: rows()}, "", missing},
			"missing by": {&checks.Missing{Options: watched(), Column: "n", BadRows: rows("c")}, "c=DE",
				func(day int) float64 { return share((day+1)/2, 20) }},
			"invalid": {&checks.Invalid{Options: watched(), Column: "n", Max: "20", BadRows: rows()}, "",
				func(day int) float64 { return share(20, 40-day) }},
			"failed rows": {&checks.FailedRows{Options: watched(), Expression: "n IS NULL", BadRows: rows()}, "", missing},
			"duplicate": {&checks.Duplicate{Options: watched(), Column: "c", BadRows: rows()}, "",
				func(int) float64 { return 95 }},
			"duplicate by": {&checks.Duplicate{Options: watched(), Column: "n", BadRows: rows("c")}, "c=FR",
				func(int) float64 { return 0 }},
			"sum": {aggregateOf(watched(), "sum", day), "",
				func(day int) float64 { return float64(40*41/2 - day*(day+1)/2) }},
			"avg":    {aggregateOf(watched(), "avg", day), "", func(day int) float64 { return float64(day+41) / 2 }},
			"min":    {aggregateOf(watched(), "min", day), "", func(day int) float64 { return float64(day + 1) }},
			"median": {aggregateOf(watched(), "median", day), "", rank(0.5)},
			"distinct": {aggregateOf(watched(), "distinct_count", day), "",
				func(day int) float64 { return float64(40 - day) }},
		} {
			r := b.run("past", c.check)[0]
			n := 0
			for _, o := range r.Past {
				if o.Segment != c.segment {
					continue
				}
				n++
				day := int(b.tick.UTC().Truncate(24*time.Hour).Sub(o.Bucket).Hours() / 24)
				if want := c.want(day); math.Abs(o.Value.Float64()-want) > 1e-9 {
					t.Errorf("%s: %s %d days ago is %s, want %v", name, o.Metric, day, o.Value, want)
				}
			}
			if n != 9 || r.Status == sentinel.Error {
				t.Errorf("%s: %d buckets of the past, want 9 (%s %s)", name, n, r.Status, r.Message)
			}
		}
	})
}

func aggregateOf(o checks.Options, function checks.Function, bucket checks.TimeBucket) *checks.AggregateCheck {
	return &checks.AggregateCheck{Options: o, Column: "n", Function: function, TimeBucket: bucket}
}

// Duplicates are counted in each segment, or by the keys of the whole table.
func TestDuplicatesOfSegmentsAndOfTheTable(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		yesterday := b.tick.UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour).Format("2006-01-02 15:04:05")
		b.exec("CREATE TABLE dup (id integer, c varchar(9), at "+b.plain()+")",
			"INSERT INTO dup VALUES (1, 'DE', "+b.ago(72*time.Hour)+"), (9, 'DE', NULL), (8, 'DE', "+b.ago(96*time.Hour)+"), "+
				"(8, 'DE', "+b.ago(97*time.Hour)+"), (1, 'DE', '"+yesterday+"'), (1, 'FR', '"+yesterday+"'), (2, 'FR', '"+yesterday+"'), "+
				"(2, 'FR', '"+yesterday+"'), (3, 'FR', '"+yesterday+"'), (9, 'IT', '"+yesterday+"'), (NULL, 'IT', '"+yesterday+"')")
		day := checks.TimeBucket{Bucket: "day"}
		b.want("dup", &checks.Duplicate{Column: "id", BadRows: checks.BadRows{TimeBucket: day}}, sentinel.Fail,
			"2 of 6 rows repeat id")
		table := func(count string) *checks.Duplicate {
			return &checks.Duplicate{Column: "id", Within: "table", Count: count, BadRows: checks.BadRows{TimeBucket: day}}
		}
		b.want("dup", table(""), sentinel.Error, "no index begins with id")
		b.exec("CREATE INDEX dup_id ON dup (id)")
		b.want("dup", table(""), sentinel.Fail, "4 of 6 rows repeat id")
		b.want("dup", table("keys"), sentinel.Fail, "3 of 4 keys occur more than once")
		where := table("")
		where.Where = "c <> 'DE'"
		b.want("dup", where, sentinel.Fail, "1 of 5 rows repeat id")
		r := b.want("dup", &checks.Duplicate{Column: "id", BadRows: checks.BadRows{By: []string{"c"}}}, sentinel.Fail,
			"2 of 5 rows repeat id (40%) in c=DE, expected <= 0 (and 1 more)")
		if len(r.Findings) != 2 || len(r.Observations) != 6 {
			t.Errorf("findings %+v, observations %+v", r.Findings, r.Observations)
		}
	})
}
