package checks_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// explainedRow is a row of a table whose bad rows have n = -1.
type explainedRow struct {
	values map[string]string // of country, status and channel; "NULL" is NULL
	at     time.Time
	bad    bool
	key    int
}

// planted is a table in which the rows of a cause are bad: n is -1, which is not in the table
// ones, and k is that of an earlier row.
type planted struct {
	rows  []explainedRow
	cause map[string]string // values that bad rows have
	since time.Time         // when they began; zero: at any time
	until time.Time         // when they ended; zero: not
}

var explainedValues = map[string][]string{
	"country": {"PL", "DE", "FR", "IT", "NULL"},
	"status":  {"new", "paid", "a b", ""},
	"channel": {"web", "app", "shop"},
}

// plant draws a table. In every third one the bad rows are drawn at random.
func plant(r *rand.Rand, end time.Time) planted {
	p := planted{cause: map[string]string{}}
	kind := r.IntN(6)
	names := []string{"country", "status", "channel"}
	r.Shuffle(3, func(i, k int) { names[i], names[k] = names[k], names[i] })
	for _, name := range names[:[]int{0, 0, 1, 1, 2, 0}[kind]] {
		p.cause[name] = explainedValues[name][r.IntN(len(explainedValues[name]))]
	}
	hours := 5 + r.IntN(60)
	if kind == 3 || kind == 5 {
		p.since = end.Add(-time.Duration(hours) * time.Hour / 3).Truncate(time.Minute)
	}
	if kind == 5 && r.IntN(2) == 0 {
		p.until = p.since.Add(time.Duration(hours) * time.Hour / 6).Truncate(time.Minute)
	}
	noise, rate := r.Float64()*0.02, 0.5+r.Float64()/2
	for range 1000 + r.IntN(600) {
		row := explainedRow{
			values: map[string]string{},
			at:     end.Add(-time.Duration(r.Int64N(int64(hours) * int64(time.Hour)))).Truncate(time.Second),
		}
		for name, values := range explainedValues {
			row.values[name] = values[r.IntN(len(values))]
		}
		row.bad = r.Float64() < noise
		if kind > 1 && p.holds(row) {
			row.bad = r.Float64() < rate
		}
		p.rows = append(p.rows, row)
	}
	p.repeat(r)
	return p
}

// repeat gives bad rows the key of a row before them that is not bad.
func (p *planted) repeat(r *rand.Rand) {
	slices.SortStableFunc(p.rows, func(a, b explainedRow) int { return a.at.Compare(b.at) })
	var earlier []int // keys of rows that are not bad
	for i := range p.rows {
		row := &p.rows[i]
		row.bad = row.bad && len(earlier) > 0 && p.rows[0].at.Before(row.at)
		if row.key = i; row.bad {
			row.key = earlier[r.IntN(sort.Search(len(earlier), func(k int) bool { return !p.rows[earlier[k]].at.Before(row.at) }))]
			continue
		}
		earlier = append(earlier, i)
	}
	r.Shuffle(len(p.rows), func(i, k int) { p.rows[i], p.rows[k] = p.rows[k], p.rows[i] })
}

// holds reports whether a row is one of those that the cause is about.
func (p planted) holds(row explainedRow) bool {
	for name, value := range p.cause {
		if row.values[name] != value {
			return false
		}
	}
	return !row.at.Before(p.since) && (p.until.IsZero() || row.at.Before(p.until))
}

func (p planted) create(b *bench, table string) {
	b.exec(
		"CREATE TABLE " + table + " (country varchar(10), status varchar(10), channel varchar(10), at " + b.plain() + ", n integer, k integer)",
	)
	var tuples []string
	for _, row := range p.rows {
		var texts []string
		for _, name := range []string{"country", "status", "channel"} {
			text := "NULL"
			if v := row.values[name]; v != "NULL" {
				text = "'" + v + "'"
			}
			texts = append(texts, text)
		}
		n := 1
		if row.bad {
			n = -1
		}
		tuples = append(tuples, fmt.Sprintf("(%s, '%s', %d, %d)", strings.Join(texts, ", "),
			row.at.Format(time.DateTime), n, row.key))
	}
	b.exec("INSERT INTO " + table + " VALUES " + strings.Join(tuples, ", "))
}

var (
	explainedShare = regexp.MustCompile(`^(all|(\d+) %) of the bad rows: (.*)$`)
	explainedTime  = regexp.MustCompile(`^(since|until|from) (\S+ )?(\d\d:\d\d)(?: to (\S+ )?(\d\d:\d\d))?$`)
)

// read reads a text back, and counts the rows that it is about.
func (p planted) read(tb testing.TB, text string, end time.Time) (said planted, share string, in, all, rows int) {
	tb.Helper()
	m := explainedShare.FindStringSubmatch(text)
	if m == nil {
		tb.Fatalf("%q is no explanation", text)
	}
	clock := func(day, at string) time.Time {
		if day == "" {
			day = end.Format("2006-01-02 ")
		}
		t, err := time.Parse("2006-01-02 15:04", day+at)
		if err != nil {
			tb.Fatal(err)
		}
		return t
	}
	said = planted{cause: map[string]string{}}
	for _, part := range strings.Split(m[3], ", ") {
		if t := explainedTime.FindStringSubmatch(part); t != nil {
			switch t[1] {
			case "until":
				said.until = clock(t[2], t[3])
			case "from":
				said.since, said.until = clock(t[2], t[3]), clock(t[4], t[5])
			default:
				said.since = clock(t[2], t[3])
			}
			continue
		}
		name, value, equal := strings.Cut(part, " = ")
		if !equal {
			name, value = strings.TrimSuffix(part, " is NULL"), "NULL"
		}
		if text, err := strconv.Unquote(value); err == nil {
			value = text
		}
		said.cause[name] = value
	}
	for _, row := range p.rows {
		if row.bad {
			all++
		}
		if said.holds(row) {
			rows++
			if row.bad {
				in++
			}
		}
	}
	return said, m[1], in, all, rows
}

// What is said of bad rows is true when it is counted in Go, and a planted cause is found. Where
// bad rows are drawn at random nothing is said. It is the same whatever makes the rows bad: an
// expression, a key that another table has not, or one that an earlier row has.
func TestExplanations(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		end := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		b.tick = end
		b.exec("CREATE TABLE ones (n integer)", "INSERT INTO ones VALUES (1), (1), (2)")
		ones := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "ones"}
		found := 0
		for seed := range uint64(36) {
			p := plant(rand.New(rand.NewPCG(seed, 7)), end)
			table := fmt.Sprintf("e%d", seed)
			p.create(b, table)
			options := listing(5, nil, "country", "status", "channel", "at")
			options.Samples.Explain = options.Samples.Columns
			var got []checks.Explanation
			for _, c := range []checks.Check{
				&checks.FailedRows{Expression: "n < 0", Options: options},
				&checks.Reference{Column: "n", To: ones, Options: options},
				&checks.Duplicate{Column: "k", Options: options},
			} {
				outcomes := checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job(table, c)})
				got = append(got, checks.ExplainFailures(b.tb.Context(), b.env, "w", outcomes)...)
			}
			text := got[0].Text
			for _, x := range got {
				if x.Note != "" || x.Text != text {
					b.tb.Errorf("seed %d: %+v, want %q", seed, x, text)
				}
			}
			random := len(p.cause) == 0 && p.since.IsZero()
			if text == "" || strings.HasPrefix(text, "the bad rows are spread evenly over") {
				if !random {
					b.tb.Errorf("seed %d: %v since %v until %v is not found: %q", seed, p.cause, p.since, p.until, text)
				}
				continue
			}
			said, share, in, all, rows := p.read(b.tb, text, end)
			want := fmt.Sprintf("%d %%", 100*in/all)
			if in == all {
				want = "all"
			}
			if share != want || 2*in < all || random || in*(len(p.rows)-rows) < 3*(all-in)*rows {
				b.tb.Errorf("seed %d: %q, but %d of %d bad rows and %d of %d rows", seed, text, in, all, rows, len(p.rows))
			}
			if fmt.Sprint(said.cause) != fmt.Sprint(p.cause) || said.since.IsZero() != p.since.IsZero() ||
				said.until.IsZero() != p.until.IsZero() || said.since.Sub(p.since).Abs() > 2*time.Hour {
				b.tb.Errorf("seed %d: %q, planted %v since %v until %v", seed, text, p.cause, p.since, p.until)
			}
			found++
		}
		if found < 18 {
			b.tb.Errorf("%d causes found", found)
		}
	})
}

// naming returns options under which messages may name columns.
func naming(columns ...string) checks.Options {
	o := listing(5, nil, columns...)
	o.Samples.Explain = columns
	return o
}

// explained returns the explanations of checks as one text, a line a check.
func (b *bench) explained(table string, list ...checks.Check) string {
	b.tb.Helper()
	return b.explain(checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job(table, list...)}))
}

func (b *bench) explain(outcomes []checks.Outcome) string {
	b.tb.Helper()
	var lines []string
	for _, x := range checks.ExplainFailures(b.tb.Context(), b.env, "w", outcomes) {
		lines = append(lines, x.Check+": "+x.Text+x.Note)
	}
	return strings.Join(lines, "\n")
}

// All checks of a table share two statements, each with its own rows. Columns with too many
// values are left out; a long value is in no message.
func TestExplanationsShareStatements(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.tick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		b.exec(
			"CREATE TABLE x (id integer, kind varchar(300), country varchar(10), email varchar(10), n integer, at " + b.plain() + ")",
		)
		var tuples []string
		for i := range 12_000 {
			at := b.tick.Add(-time.Duration(i) * 15 * time.Second)
			email, n, kind, when := "'x'", 1, "a", "'"+at.Format(time.DateTime)+"'"
			if i%5 == 0 && i < 2400 {
				email = "NULL"
			}
			if i%4 == 0 {
				n = -1
			}
			if i%13 == 0 {
				when = "NULL"
			}
			tuples = append(
				tuples,
				fmt.Sprintf("(%d, '%s', '%s', %s, %d, %s)", i, kind, []string{"PL", "DE", "FR", "IT", "ES"}[i%5], email, n, when),
			)
		}
		b.exec("INSERT INTO x VALUES " + strings.Join(tuples, ", "))
		bad := func(o checks.Options) *checks.Missing { return &checks.Missing{Column: "email", Options: o} }
		daily := bad(naming("country", "at"))
		daily.Bucket = "day"
		where := bad(naming("country", "at"))
		where.Where = "country <> 'PL'"
		for _, c := range []struct {
			check checks.Check
			want  string
		}{
			{bad(naming("country", "at")), "92 % of the bad rows: country = PL, since 02:01"},
			{bad(naming("country")), "all of the bad rows: country = PL"},
			{bad(naming("at")), "92 % of the bad rows: since 02:01"},
			{bad(naming("id", "country")), "all of the bad rows: country = PL"},
			{bad(naming("id")), "not explained: the columns have more than 10000 combinations of values"},
			{daily, ""},
			{where, ""},
			{&checks.Invalid{Column: "n", Min: "0", Options: naming("country", "at")}, "the bad rows are spread evenly over country"},
			{bad(naming("nope")), "not explained: column nope does not exist; the table has id, kind, country, email, n, at"},
		} {
			if got := b.explained("x", c.check); got != "c0: "+c.want {
				b.tb.Errorf("got  %s\nwant %s", got, c.want)
			}
		}
		sent := &statementCount{}
		counted := benchOn(
			b.tb,
			b.name,
			b.schema,
			warehouse.Config{DSN: sentinel.NewSecret(b.database.Warehouse), Observer: sent},
		)
		counted.tick = b.tick
		list := func() []checks.Check {
			return []checks.Check{
				bad(naming("country", "at")),
				&checks.Invalid{Column: "n", Min: "0", Options: naming("country")},
				&checks.RowCount{Fail: bound(t, "< 1")},
				bad(checks.Options{}),
			}
		}
		outcomes := checks.Run(b.tb.Context(), counted.env, "w", []checks.Job{counted.job("x", list()...)})
		sent.Store(0)
		if got := checks.PlanExplanations(b.tb.Context(), counted.env, "w", []checks.Job{counted.job("x", list()...)}); len(
			got,
		) != 1 ||
			got[0].Err != nil {
			b.tb.Error(got)
		}
		catalog := sent.Swap(0)
		want := "c0: 92 % of the bad rows: country = PL, since 02:01\nc1: the bad rows are spread evenly over country"
		if got := counted.explain(outcomes); got != want || sent.Load()-catalog > 2 {
			b.tb.Errorf("%s\n%d statements", got, sent.Load()-catalog)
		}
		b.exec("UPDATE x SET kind = '" + strings.Repeat("long", 70) + "' WHERE id = 77")
		if got := b.explained("x", bad(naming("kind"))); got != "c0: not explained: a value of kind has more than 256 bytes" {
			b.tb.Error(got)
		}
		b.exec("DELETE FROM x")
		if got := b.explained("x", bad(naming("country", "at"))); got != "c0: " {
			b.tb.Error(got)
		}
	})
}
