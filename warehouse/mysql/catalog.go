package mysql

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// scopeFilter narrows an information_schema view aliased x to the scope.
func scopeFilter(scope warehouse.Scope) (string, []any) {
	if scope.Tables == nil {
		return `x.table_schema NOT IN ('mysql','information_schema','performance_schema','sys')`, nil
	}
	if len(scope.Tables) == 0 {
		return "1 = 0", nil
	}
	args := make([]any, 0, 2*len(scope.Tables))
	for _, t := range scope.Tables {
		args = append(args, t.Schema, t.Name)
	}
	places := strings.TrimSuffix(strings.Repeat("(?,?),", len(scope.Tables)), ",")
	return "(x.table_schema, x.table_name) IN (" + places + ")", args
}

//go:embed sql/*.sql
var queries embed.FS

// query returns the text of an embedded statement, or part of one.
func query(name string) string {
	text, err := queries.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // a file of the program itself
	}
	return strings.TrimSpace(string(text))
}

// parts are the statements of a catalog, by fact. $filter stands for the scope.
var parts = []struct {
	fact warehouse.Facts
	sql  string
}{
	{0, query("tables")},
	{warehouse.Columns, query("columns")},
	{warehouse.Keys, query("keys")},
	{warehouse.Keys | warehouse.Indexes, query("indexes")},
	{warehouse.Partitions, query("partitions")},
	{warehouse.Views, query("views")},
	{warehouse.Details, query("checks")},
	{warehouse.Details, query("triggers")},
	{warehouse.Details, query("partition_keys")},
	{warehouse.Details, query("rule_privileges")},
}

// nowait precedes statements that read information_schema. MariaDB opens each table, and
// would wait for the lock of each; MySQL takes it for a comment, and waits for none.
const nowait = "/*M!100500 SET STATEMENT lock_wait_timeout=0 FOR */ "

// Catalog implements warehouse.Dialect: a constant number of statements, and one for each
// table that the catalog does not show as expected. MySQL shows only the tables the user
// has some privilege on; a view's text needs SHOW VIEW.
func (d Dialect) Catalog(ctx context.Context, s warehouse.Sessions, scope warehouse.Scope) (*warehouse.Catalog, error) {
	where, args := scopeFilter(scope)
	ofServer := "SELECT " + d.Epoch("") + ", coalesce(database(), ''), @@global.read_only, version()"
	statements := []warehouse.Statement{{SQL: ofServer}}
	readers := []func(*warehouse.Catalog, warehouse.Rows) error{nil}
	for i, p := range parts {
		st := warehouse.Statement{SQL: nowait + strings.Replace(p.sql, "$filter", where, 1), Args: args}
		if !strings.Contains(p.sql, "$filter") {
			st.Args = nil // it is not of single tables
		}
		switch {
		case p.fact == 0 || p.fact&scope.Facts != 0:
		case p.fact == warehouse.Columns && len(scope.ColumnNames) > 0:
			st.SQL += " AND x.column_name IN (" + strings.TrimSuffix(strings.Repeat("?,", len(scope.ColumnNames)), ",") + ")"
			for _, name := range scope.ColumnNames {
				st.Args = append(st.Args, name)
			}
		default:
			continue
		}
		statements = append(statements, st)
		readers = append(readers, partReaders[i])
	}
	answers, err := warehouse.ReadAll(ctx, s, statements)
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	server := answers[0][0]
	asOf, err := warehouse.EpochTime(server[0])
	if err != nil {
		return nil, fmt.Errorf("reading the server's clock: %w", err)
	}
	c := &warehouse.Catalog{
		AsOf:          asOf,
		Facts:         scope.Facts,
		Tables:        map[warehouse.TableName]*warehouse.Table{},
		DefaultSchema: server[1].Text,
		Standby:       server[2].Text == "1",
	}
	for i, read := range readers[1:] {
		if err := read(c, answers[i+1]); err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
	}
	probe(ctx, s, c, scope)
	readPeriods(ctx, s, c)
	for _, t := range c.Tables {
		if scope.Facts&warehouse.Details != 0 {
			t.Server, t.DetailsVersion = serverName(server[3].Text), warehouse.DetailsVersion
		} else {
			t.Details = nil
		}
		t.Sort()
	}
	if c.Standby {
		c.Lag = lagOf(ctx, s)
	}
	return c, nil
}

// partReaders read the answers to parts.
var partReaders = []func(*warehouse.Catalog, warehouse.Rows) error{
	readTables, readColumns, readKeys, readIndexes, readPartitions, readViews,
	readChecks, readTriggers, readPartitionKeys, readRulePrivileges,
}

func readTables(c *warehouse.Catalog, rows warehouse.Rows) (err error) {
	for _, r := range rows {
		t := &warehouse.Table{
			TableName: warehouse.TableName{Schema: r[0].Text, Name: r[1].Text},
			Kind:      warehouse.BaseTable,
			Comment:   r[3].Text,
			Rows:      -1,
			Bytes:     -1,
			Written:   -1,

			FoldsColumns: true,
		}
		switch {
		case strings.Contains(r[2].Text, "VIEW"):
			// MariaDB's comment is VIEW, or the error of a view that it could not open.
			if t.Kind = warehouse.View; t.Comment != "" && t.Comment != "VIEW" {
				t.ReadErr = errNotOpened
			}
			t.Comment = ""
		case r[8].Text == "": // it has no engine
			t.Comment, t.ReadErr = "", errNotOpened
		case strings.Contains(r[7].Text, "partitioned"):
			t.Kind = warehouse.PartitionedTable
		}
		addDetail(t, warehouse.TablePart, "", "engine", r[8].Text)
		if r[2].Text == "SYSTEM VERSIONED" {
			addDetail(t, warehouse.TablePart, "", "versioning", "system versioned")
		}
		if !r[4].Null {
			if t.Rows, err = strconv.ParseInt(r[4].Text, 10, 64); err != nil {
				return err
			}
		}
		if !r[5].Null {
			if t.Bytes, err = strconv.ParseInt(r[5].Text, 10, 64); err != nil {
				return err
			}
		}
		if t.Modified, err = warehouse.EpochTime(r[6]); err != nil {
			return err
		}
		c.Tables[t.TableName] = t
	}
	return nil
}

func readColumns(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]
		if t == nil {
			continue
		}
		position, err := strconv.Atoi(r[3].Text)
		if err != nil {
			return err
		}
		col := warehouse.Column{
			Name: r[2].Text, Position: position, Type: parseType(r[4].Text), Nullable: r[5].Text == "YES",
			Default: r[6].Text, Generated: r[8].Text, Collation: r[9].Text, Comment: r[10].Text,
		}
		// MariaDB writes the missing default of a nullable column as NULL.
		if strings.EqualFold(col.Default, "null") {
			col.Default = ""
		}
		if strings.Contains(r[7].Text, "auto_increment") {
			col.Generated = "auto_increment"
		}
		t.Columns = append(t.Columns, col)
		readExtra(t, col.Name, r[7].Text)
	}
	return nil
}

func readKeys(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]
		if t == nil || r[5].Null {
			continue // primary and unique keys come with the indexes
		}
		if n := len(t.ForeignKeys); n == 0 || t.ForeignKeys[n-1].Name != r[2].Text {
			t.ForeignKeys = append(t.ForeignKeys, warehouse.ForeignKey{
				Name: r[2].Text, References: warehouse.TableName{Schema: r[4].Text, Name: r[5].Text},
				OnUpdate: strings.ToLower(r[7].Text), OnDelete: strings.ToLower(r[8].Text),
			})
		}
		fk := &t.ForeignKeys[len(t.ForeignKeys)-1]
		fk.Columns, fk.RefColumns = append(fk.Columns, r[3].Text), append(fk.RefColumns, r[6].Text)
	}
	return nil
}

func readIndexes(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]
		if t == nil {
			continue
		}
		column := r[4].Text
		if r[4].Null {
			column = "(expression)"
			if r[9].Text != "" {
				column = "(" + r[9].Text + ")"
			}
		}
		if n := len(t.Indexes); n == 0 || t.Indexes[n-1].Name != r[2].Text {
			t.Indexes = append(t.Indexes, warehouse.Index{
				Name:   r[2].Text,
				Unique: r[3].Text == "0",
				Method: strings.ToLower(r[5].Text),
			})
		}
		ix := &t.Indexes[len(t.Indexes)-1]
		if len(ix.Columns) == 0 {
			addDetail(t, warehouse.IndexPart, ix.Name, "ignored", r[8].Text)
		}
		ix.Columns = append(ix.Columns, column)
		part := column
		if !r[6].Null {
			part += "(" + r[6].Text + ")"
		}
		if r[7].Text == "D" {
			part += " DESC"
		}
		ix.Definition = strings.TrimPrefix(ix.Definition+", "+part, ", ")
	}
	for _, t := range c.Tables {
		for _, ix := range t.Indexes {
			switch {
			case ix.Name == "PRIMARY":
				t.PrimaryKey = &warehouse.Key{Name: ix.Name, Columns: ix.Columns}
			case ix.Unique:
				t.Unique = append(t.Unique, warehouse.Key{Name: ix.Name, Columns: ix.Columns})
			}
		}
	}
	return nil
}

// readPartitions reads a row for each partition, or for each part of one.
func readPartitions(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]
		if t == nil {
			continue
		}
		n := int64(-1)
		if !r[6].Null {
			var err error
			if n, err = strconv.ParseInt(r[6].Text, 10, 64); err != nil {
				return err
			}
		}
		k := slices.IndexFunc(t.Partitions, func(p warehouse.Partition) bool { return p.Of == "" && p.Name == r[2].Text })
		if k < 0 {
			k = len(t.Partitions)
			t.Partitions = append(t.Partitions, readPartition(t, r))
		}
		of := &t.Partitions[k]
		if of.Rows < 0 || n < 0 {
			of.Rows = n
		} else {
			of.Rows += n
		}
		if r[7].Text != "" {
			of.By = r[8].Text
			t.Partitions = append(t.Partitions, warehouse.Partition{Name: r[7].Text, Of: of.Name, Rows: n})
		}
	}
	return nil
}

// readPartition reads a partition of a table, and how the table is partitioned. Ranges
// begin where the one before ends.
func readPartition(t *warehouse.Table, r []warehouse.Cell) warehouse.Partition {
	method := strings.ToLower(r[3].Text)
	t.Kind = warehouse.PartitionedTable
	t.PartitionBy, _, _ = strings.Cut(method, " ")
	t.PartitionKey = []string{strings.Trim(r[4].Text, "`\"")}
	p := warehouse.Partition{Name: r[2].Text, Bound: method + " " + r[5].Text, Rows: -1}
	if !strings.HasPrefix(method, "range") {
		return p
	}
	p.IsRange, p.To = true, strings.Trim(r[5].Text, "'")
	if p.To == "MAXVALUE" {
		p.To = ""
	}
	for _, before := range t.Partitions {
		if before.Of == "" {
			p.From = before.To
		}
	}
	return p
}

func readViews(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		if t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]; t != nil {
			t.Definition = r[2].Text
			if t.Definition == "" {
				t.Unreadable |= warehouse.Views
			}
			addDetail(t, warehouse.TablePart, "", "view options", r[3].Text)
		}
	}
	return nil
}
