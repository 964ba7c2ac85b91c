package dialecttest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

func (s suite) registered(t *testing.T) {
	name := s.Dialect.Name()
	if d, err := warehouse.DialectNamed(name); err != nil || d != s.Dialect {
		t.Fatalf("the dialect is not registered as %q: %v", name, err)
	}
	dsn := s.NewDatabase(t).DSN()
	if got := warehouse.DialectOf(dsn); got != name {
		t.Errorf("the form of the DSN matches the dialect %q", got)
	}
	if s.Dialect.Matches("unknown-scheme://host/database") {
		t.Error("the dialect takes a DSN of an unknown scheme")
	}
}

func (s suite) identifiers(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	names := []string{
		`a"b`, "a`b", "semi;colon", "select", "Größe 表", "MixedCase", "dot.ted", "it's", "1st",
		"back\\slash", "per%cent", "order by", "a\u00a0b",
	}
	if !s.NoAstralNames {
		names = append(names, "😀")
	}
	for _, name := range names {
		b.roundTrip(name)
	}
	b.exec("CREATE TABLE names_known (id " + s.Types.Integer + ")")
	for _, unknown := range []string{"no_such_column", "7", "id "} {
		q, err := s.Dialect.Quote(unknown)
		if err != nil {
			t.Fatal(err)
		}
		_, err = firstCell(t.Context(), b.db, "SELECT max("+q+") FROM names_known")
		if warehouse.KindOf(err) != warehouse.MissingColumn {
			t.Errorf("a column %s that there is not: %v, want %s", q, err, warehouse.MissingColumn)
		}
	}
	for _, bad := range []string{"", "nul\x00", "bidi\u202e", "\xff", "line\nbreak"} {
		if q, err := s.Dialect.Quote(bad); err == nil {
			t.Errorf("Quote(%q) = %s, want an error", bad, q)
		}
	}
}

// roundTrip gives a table and its column a name, and finds both again.
func (b *fixtureDB) roundTrip(name string) {
	b.t.Helper()
	q, err := b.suite.Dialect.Quote(name)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Exec(b.t, "CREATE TABLE "+q+" ("+q+" "+b.suite.Types.Integer+")", "INSERT INTO "+q+" VALUES (7)")
	table, err := warehouse.QuoteTable(b.suite.Dialect, b.name(name))
	if err != nil {
		b.t.Fatal(err)
	}
	cell, err := firstCell(b.t.Context(), b.db, "SELECT max("+q+") FROM "+table)
	if err != nil || cell.Text != "7" {
		b.t.Errorf("%s: %v, %v, want 7", name, cell, err)
	}
	if b.table(name).Column(name) == nil {
		b.t.Errorf("%s: the catalog does not show the column", name)
	}
}

// longestNames: the longest name makes the round trip; a longer one is refused,
// never cut.
func (s suite) longestNames(t *testing.T) {
	longest := strings.Repeat("n", max(s.LongestName, 300))
	if s.LongestName > 0 {
		longest = longest[:s.LongestName]
	}
	s.open(t, warehouse.Config{}).roundTrip(longest)
	if s.LongestName == 0 {
		return
	}
	for _, long := range []string{longest + "n", strings.Repeat("ü", s.LongestName+2)} {
		if q, err := s.Dialect.Quote(long); err == nil {
			t.Errorf("Quote(%q) = %s, want an error", long, q)
		}
	}
}

func (s suite) times(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	plain := s.Types.Plain
	if plain == "" {
		plain = s.Types.Zoned
	}
	b.exec("CREATE TABLE [times] ([zoned] " + s.Types.Zoned + ", [plain] " + plain + ", [day] " + s.Types.Date +
		", [never] " + s.Types.Zoned + ")")
	// An hour that summer time leaves out in many zones.
	want := time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC).Truncate(max(s.TimePrecision, time.Microsecond))
	literal := want.Format("2006-01-02 15:04:05.999999")
	b.exec("INSERT INTO [times] VALUES ('" + literal + s.ZoneSuffix + "', '" + literal + "', '2026-03-29', NULL)")
	columns := []string{"[plain]"}
	if !s.ZonedInSessionZone {
		columns = append(columns, "[zoned]")
	}
	for _, column := range columns {
		b.wantTime(want, "SELECT "+s.Dialect.Epoch("max("+column+")")+" FROM [times]")
	}
	b.wantTime(time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), "SELECT "+s.Dialect.Epoch("max([day])")+" FROM [times]")
	cell, err := b.ask("SELECT " + s.Dialect.Epoch("max([never])") + " FROM [times]")
	if err != nil || !cell.Null {
		t.Errorf("the time of NULL: %v, %v", cell, err)
	}
	cell, err = b.ask("SELECT " + s.Dialect.Epoch(""))
	at, terr := warehouse.EpochTime(cell)
	if err != nil || terr != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the database's clock: %v, %v", cell, err)
	}
}

func (b *fixtureDB) wantTime(want time.Time, statement string) {
	b.t.Helper()
	cell, err := b.ask(statement)
	if err != nil {
		b.t.Error(err)
		return
	}
	n, err := cell.Number()
	got := time.UnixMicro(int64(n.Float64()*1e6 + 0.5))
	if err != nil || got.Sub(want).Abs() > time.Microsecond {
		b.t.Errorf("%s: %s, want %v (%v)", statement, cell.Text, want, err)
	}
}

// windows: bounds compare with stored times, from the first instant to before the
// last.
func (s suite) windows(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	kind := s.Types.Plain
	if kind == "" {
		kind = s.Types.Zoned
	}
	b.exec("CREATE TABLE [b] ([at] "+kind+")",
		"INSERT INTO [b] VALUES ('2026-11-01 00:00:00'), ('2026-11-01 23:59:59.5'), ('2026-11-02 00:00:00'), (NULL)")
	column := s.quoted(t, "[at]")
	expr, from := warehouse.Comparable(s.Dialect, column, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	_, to := warehouse.Comparable(s.Dialect, column, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	b.want("2", fmt.Sprintf("SELECT count(*) FROM [b] WHERE %s >= %s AND %s < %s",
		expr, s.Dialect.Param(1), expr, s.Dialect.Param(2)), from, to)
}

func (s suite) parameters(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [p] ([whole] "+s.Types.BigInt+", [part] "+s.Types.Decimal+", [word] "+s.Types.Text+
		", [yes] "+s.Types.Boolean+")",
		"INSERT INTO [p] VALUES (9007199254740993, 1.5, 'it''s; ü', true), (2, 2.5, '', false), (NULL, NULL, NULL, NULL)")
	for column, arg := range map[string]any{
		"whole": int64(9007199254740993), "part": 1.5, "word": "it's; ü", "yes": true,
	} {
		where := fmt.Sprintf("SELECT count(*) FROM [p] WHERE [%s] = %s", column, s.Dialect.Param(1))
		b.want("1", where, arg)
		b.want("0", where, nil)
	}
	second := fmt.Sprintf("SELECT count(*) FROM [p] WHERE [word] = %s AND [whole] = %s",
		s.Dialect.Param(1), s.Dialect.Param(2))
	b.want("1", second, "", int64(2))
	b.want("0", second, "' OR 1 = 1 --", int64(2))
}

func (s suite) nulls(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [n] ([id] "+s.Types.Integer+", [word] "+s.Types.Text+")",
		"INSERT INTO [n] VALUES (1, NULL), (2, '')")
	b.want("1", "SELECT count([word]) FROM [n]")
	b.want("", "SELECT [word] FROM [n] WHERE [id] = 2")
	for _, statement := range []string{
		"SELECT [word] FROM [n] WHERE [id] = 1",
		"SELECT max([id]) FROM [n] WHERE [id] > 2",
	} {
		if cell, err := b.ask(statement); err != nil || !cell.Null || cell.Text != "" {
			t.Errorf("%s: %+v, %v, want NULL", statement, cell, err)
		}
	}
}

// bigCounts: no digit is lost, also not in sums beyond 64 bits.
func (s suite) bigCounts(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [big] ([n] "+s.Types.BigInt+")", "INSERT INTO [big] VALUES (9007199254740993)")
	cell, err := b.ask("SELECT sum([n]) FROM [big]")
	if err != nil {
		t.Fatal(err)
	}
	n, err := cell.Number()
	if v, ok := n.Int64(); err != nil || !ok || v != 9007199254740993 {
		t.Errorf("got %v (%v), want 9007199254740993", n, err)
	}
	b.exec("INSERT INTO [big] VALUES (9223372036854775807), (9223372036854775807)")
	if cell, err := b.ask("SELECT sum([n]) FROM [big]"); err == nil {
		if n, err := cell.Number(); err == nil {
			t.Errorf("a sum beyond 64 bits is %v, want an error", n)
		}
	}
}

// plannerSQL: what checks write themselves, beside the dialect.
func (s suite) plannerSQL(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [g] ([kind] "+s.Types.Text+", [at] "+s.Types.Zoned+")",
		"INSERT INTO [g] VALUES ('a', '2026-11-01 10:00:00"+s.ZoneSuffix+"'), ('a', '2026-11-01 10:30:00"+s.ZoneSuffix+
			"'), ('b', '2026-11-01 11:00:00"+s.ZoneSuffix+"'), (NULL, NULL)")
	b.want("2", "SELECT s1.c1 FROM (SELECT count(CASE WHEN ([kind] = 'a') THEN 1 END) c1, count(*) c2 FROM [g]) s1"+
		" CROSS JOIN (SELECT max([at]) c1 FROM [g]) s2")
	groups := func(by string, limit int) [][]string {
		statement := warehouse.Limit(s.Dialect, fmt.Sprintf("SELECT %s, count(*), count(*) OVER (), sum(count(*)) OVER ()"+
			" FROM [g] GROUP BY %s ORDER BY count(*) DESC, %s", by, by, by), limit)
		var out [][]string
		st := []warehouse.Statement{{SQL: s.quoted(t, statement)}}
		b.db.Run(t.Context(), st, func(_ int, rows warehouse.Rows, err error) {
			if err != nil {
				t.Errorf("%s: %v", statement, err)
			}
			for _, r := range rows {
				out = append(out, []string{r[1].Text, r[2].Text, r[3].Text})
			}
		})
		return out
	}
	hours := warehouse.Floor(s.Dialect, s.Dialect.Epoch("[at]")+" / 3600")
	for _, by := range []string{"[kind]", hours} {
		got := groups(by, 2)
		if len(got) != 2 || got[0][0] != "2" || !slices.Equal(got[1], []string{"1", "3", "4"}) {
			t.Errorf("groups by %s: %q, want 2 of 3 groups and 4 rows", by, got)
		}
	}
}

func (s suite) explain(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [e] ([id] " + s.Types.Integer + ")")
	plan, err := b.db.Explain(t.Context(), warehouse.Statement{SQL: s.quoted(t, "SELECT count(*) FROM [e]")})
	if err != nil || plan == "" {
		t.Errorf("the plan is %q, %v", plan, err)
	}
}

// FuzzQuote fuzzes a dialect's Quote: what it returns is one identifier that reads
// back as the name, whatever the name is.
func FuzzQuote(f *testing.F, d warehouse.Dialect) {
	for _, s := range []string{`a"b`, "a`b", "a]b", "x; drop table y", "ü", strings.Repeat("n", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		q, err := d.Quote(name)
		if err != nil {
			return
		}
		quote := q[len(q)-1:]
		inner := q[1 : len(q)-1]
		back := strings.ReplaceAll(inner, quote+quote, quote)
		open := strings.Contains(strings.ReplaceAll(inner, quote+quote, ""), quote)
		if !strings.ContainsAny(quote, "\"`]") || back != name || open {
			t.Errorf("Quote(%q) = %s", name, q)
		}
	})
}
