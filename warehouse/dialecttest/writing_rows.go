package dialecttest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// An update changes rows whose key is in all three tables, and leaves others alone. A value
// that is only spelt differently is changed.
func (s suite) updatesRows(t *testing.T, w *writer) {
	columns := "([k] " + s.Types.Integer + " NOT NULL PRIMARY KEY, [v] " + s.Types.Text + ", [o] " + s.Types.Text + ")"
	w.exec("CREATE TABLE [target] "+columns, "CREATE TABLE [staged] "+columns, "CREATE TABLE [among] "+columns)
	w.write("INSERT INTO [target] VALUES (1, 'old', 'o'), (2, 'old', 'o'), (3, NULL, 'o'), (4, 'a', 'o'), (6, 'old', 'o')",
		"INSERT INTO [staged] VALUES (2, 'new', 's'), (3, 'new', 's'), (4, 'A', 's'), (5, 'new', 's'), (6, 'new', 's')",
		"INSERT INTO [among] VALUES (1, 'x', 'x'), (2, 'x', 'x'), (3, 'x', 'x'), (4, 'x', 'x'), (5, 'x', 'x')")
	w.write(w.dialect.UpdateRows(warehouse.RowUpdate{
		Table:   s.quoted(t, "[target]"),
		From:    s.quoted(t, "[staged]"),
		Among:   s.quoted(t, "[among]"),
		Key:     []string{s.quoted(t, "[k]")},
		Columns: []string{s.quoted(t, "[k]"), s.quoted(t, "[v]")},
		Kept:    []string{s.quoted(t, "[o]")},
	}))
	for k, want := range map[int]string{1: "old", 2: "new", 3: "new", 4: "A", 6: "old"} {
		w.wantWritten(want, fmt.Sprintf("SELECT [v] FROM [target] WHERE [k] = %d", k))
	}
	w.wantWritten("5", "SELECT count(*) FROM [target] WHERE [o] = 'o'")
}

// An insert takes the values of a column that numbers its rows as they are.
func (s suite) insertsNumbers(t *testing.T, w *writer) {
	if s.Numbered == "" {
		return
	}
	w.exec("CREATE TABLE [numbered] ([k] "+s.Numbered+", [v] "+s.Types.Text+")",
		"CREATE TABLE [staged] ([k] "+s.Types.Integer+" NOT NULL, [v] "+s.Types.Text+")")
	w.write("INSERT INTO [staged] VALUES (0, 'zero'), (501, 'x')")
	table, columns := s.quoted(t, "[numbered]"), s.quoted(t, "[k], [v]")
	query := s.quoted(t, "SELECT [k], [v] FROM [staged]")
	insert := "INSERT INTO " + table + " (" + columns + ") " + query
	if inserter, ok := w.dialect.(warehouse.RowInserter); ok {
		insert = inserter.InsertRows(table, columns, query)
	}
	w.write(insert)
	w.wantWritten("2", "SELECT count(*) FROM [numbered] WHERE [k] = 0 AND [v] = 'zero' OR [k] = 501 AND [v] = 'x'")
	w.advance("numbered", s.quoted(t, "[staged]"))
	w.write("INSERT INTO [numbered] ([v]) VALUES ('next')")
	w.wantWritten("1", "SELECT count(*) FROM [numbered] WHERE [k] > 501 AND [v] = 'next'")
}

// advance moves the sequences of a table past the values in another.
func (w *writer) advance(table, from string) {
	w.t.Helper()
	advancer, ok := w.dialect.(warehouse.SequenceAdvancer)
	if !ok {
		return
	}
	name := w.table(table).TableName
	rows, err := w.sessions.QueryContext(w.t.Context(), advancer.Sequences(), name.Schema, name.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	var statements []string
	for rows.Next() {
		var column, sequence, problem string
		if err := rows.Scan(&column, &sequence, &problem); err != nil || problem != "" {
			w.t.Fatal(err, problem)
		}
		quoted, err := w.dialect.Quote(column)
		if err != nil {
			w.t.Fatal(err)
		}
		statements = append(statements, advancer.AdvanceSequence(sequence, quoted, from))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(statements) == 0 {
		w.t.Fatal(err, "no sequences")
	}
	w.write(statements...)
}

// Rows that are moved are in one table or the other.
func (s suite) movesRows(t *testing.T, w *writer) {
	mover, ok := w.dialect.(warehouse.RowMover)
	if !ok {
		return
	}
	w.exec("CREATE TABLE [target] ([k] "+s.Types.Integer+")", "CREATE TABLE [keep] ([k] "+s.Types.Integer+")")
	w.write("INSERT INTO [target] VALUES (1), (2), (3)")
	w.write(mover.MoveRows(s.quoted(t, "[target]"), s.quoted(t, "[keep]"), s.quoted(t, "[k]"), s.quoted(t, "[k] > 1")))
	w.wantWritten("1", "SELECT sum([k]) FROM [target]")
	w.wantWritten("5", "SELECT sum([k]) FROM [keep]")
}

// A checksum does not depend on the order of rows. It sees a changed cell, a NULL,
// a row that is there twice, and a border between cells that moved.
func (s suite) checksums(t *testing.T, w *writer) {
	w.exec("CREATE TABLE [c] ([a] " + s.Types.Text + ", [b] " + s.Types.Text + ")")
	columns := []string{s.quoted(t, "[a]"), s.quoted(t, "[b]")}
	sum := func(values string) string {
		w.write("DELETE FROM [c]", "INSERT INTO [c] VALUES "+values)
		out, err := w.checksum(columns, s.quoted(t, "[c]"))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if one, other := sum("('x', 'y'), ('z', NULL)"), sum("('z', NULL), ('x', 'y')"); one != other {
		t.Errorf("the order of rows counts: %s, %s", one, other)
	}
	var seen []string
	for _, values := range []string{
		"('x', 'y')", "('x', 'z')", "('x', NULL)", "('x', '')", "('x', 'n')", "('xy', '')", "('x', 'y'), ('x', 'y')",
		"('x', 'y'), ('x', 'y'), ('x', 'y')", "('x,y', 'z')", "('x', 'y,z')",
	} {
		now := sum(values)
		if slices.Contains(seen, now) {
			t.Errorf("%s has the checksum of other rows: %s", values, now)
		}
		seen = append(seen, now)
	}
}

func (w *writer) checksum(columns []string, from string) (out string, err error) {
	query, summed := w.dialect.Checksum(columns, from)
	if summed {
		var rows, sum string
		err = w.sessions.QueryRowContext(w.t.Context(), query).Scan(&rows, &sum)
		return rows + " rows, " + sum, err
	}
	found, err := w.sessions.QueryContext(w.t.Context(), query)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	rows, sum := 0, uint64(0)
	for found.Next() {
		var text string
		if err := found.Scan(&text); err != nil {
			return "", err
		}
		h := fnv.New64a()
		h.Write([]byte(text))
		rows++
		sum += h.Sum64()
	}
	return fmt.Sprintf("%d rows, %d", rows, sum), found.Err()
}

// A column can be added with the type that TypeName spells, and the catalog then
// has it in the same family.
func (s suite) addedTypes(t *testing.T, w *writer) {
	w.exec("CREATE TABLE [source] ([b] "+s.Types.Boolean+", [i] "+s.Types.Integer+", [l] "+s.Types.BigInt+
		", [d] "+s.Types.Decimal+", [t] "+s.Types.Text+", [z] "+s.Types.Zoned+", [day] "+s.Types.Date+")",
		"CREATE TABLE [target] ([id] "+s.Types.Integer+" NOT NULL)")
	w.write("INSERT INTO [target] VALUES (1)")
	for _, c := range w.table("source").Columns {
		name, ok := w.dialect.TypeName(c.Type)
		if !ok {
			continue
		}
		if err := w.dialect.CheckColumnName(c.Name); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		w.write(w.dialect.AddColumn(s.quoted(t, "[target]"), s.quoted(t, "["+c.Name+"]"), name, true))
		added := w.table("target").Column(c.Name)
		if added == nil || added.Type.Family != c.Type.Family || !added.Nullable {
			t.Errorf("%s: %+v was added as %+v, want the same family, nullable", c.Name, c.Type, added)
		}
	}
}

// A staged table takes the place of a partition with all its rows, and the
// partition comes back with all of its own.
func (s suite) exchange(t *testing.T, w *writer) {
	swapper, ok := w.dialect.(warehouse.PartitionSwapper)
	if !ok || len(s.Partitioned) == 0 {
		return
	}
	w.Exec(t, s.Partitioned...)
	w.internal()
	parts := w.table("parts")
	i := slices.IndexFunc(parts.Partitions, func(p warehouse.Partition) bool {
		return p.IsRange && strings.HasPrefix(p.To, "2026-11-02")
	})
	if i < 0 {
		t.Fatalf("no partition of 2026-11-01 among %+v", parts.Partitions)
	}
	leaf := parts.Partitions[i]
	staged := w.dialect.InternalTable(w.Schema(), "stage_r1_new")
	at := s.quoted(t, "[at]")
	swap := warehouse.Swap{
		Schema:     s.quoted(t, "["+w.Schema()+"]"),
		Name:       w.Schema(),
		Table:      w.quoteTable(parts.TableName),
		Leaf:       s.quoted(t, "["+leaf.Name+"]"),
		Bound:      leaf.Bound,
		Staged:     w.quoteTable(staged),
		StagedName: staged.Name,
		KeptName:   w.dialect.InternalTable(w.Schema(), "stage_r1_old").Name,
		RowCondition: at + " IS NOT NULL AND " + at + " >= '2026-11-01 00:00:00" + s.ZoneSuffix + "' AND " + at +
			" < '2026-11-02 00:00:00" + s.ZoneSuffix + "'",
	}
	const row = " ([id], [at]) VALUES (%d, '2026-11-01 05:00:00')"
	w.write("INSERT INTO " + swap.Table + fmt.Sprintf(row, 1))
	w.write(swapper.MakeStaged(swap)...)
	w.write("INSERT INTO " + swap.Staged + fmt.Sprintf(row, 22))
	w.write(swapper.SwapIn(swap)...)
	w.wantWritten("22", "SELECT sum([id]) FROM "+swap.Table)
	w.write(swapper.SwapOut(swap)...)
	w.wantWritten("1", "SELECT sum([id]) FROM "+swap.Table)
}
