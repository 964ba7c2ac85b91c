package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

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

// catalogSQL are the statements of a catalog; readCatalog takes their answers in this
// order.
var catalogSQL = []string{
	query("clock"),
	query("tables"),
	query("columns"),
	query("indexes"),
	query("foreign_keys"),
	query("has_estimates"),
	query("triggers"),
}

// Catalog implements warehouse.Dialect: a constant number of statements, unless a table or
// view is broken. A schema that
// changes between them is seen as SQLite's schema cookie moving, and read again.
func (d Dialect) Catalog(ctx context.Context, s warehouse.Sessions, scope warehouse.Scope) (*warehouse.Catalog, error) {
	cookie := warehouse.Statement{SQL: `PRAGMA schema_version`}
	for range 3 {
		before, err := warehouse.ReadAll(ctx, s, []warehouse.Statement{cookie})
		if err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		answers, broken, err := readParts(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		after, err := warehouse.ReadAll(ctx, s, []warehouse.Statement{cookie})
		if err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		if before[0][0][0] == after[0][0][0] {
			return readCatalog(ctx, s, scope, answers, broken)
		}
	}
	return nil, &warehouse.Error{
		Kind: warehouse.Transient,
		Err:  errors.New("reading the catalog: the schema changed three times meanwhile"),
	}
}

func readCatalog(
	ctx context.Context, s warehouse.Sessions, scope warehouse.Scope, a []warehouse.Rows, broken map[string]error,
) (*warehouse.Catalog, error) {
	asOf, err := warehouse.EpochTime(a[0][0][0])
	if err != nil {
		return nil, fmt.Errorf("reading the clock: %w", err)
	}
	c := &warehouse.Catalog{
		AsOf:          asOf,
		Facts:         scope.Facts,
		Tables:        map[warehouse.TableName]*warehouse.Table{},
		DefaultSchema: "main",
	}
	for _, r := range a[1] {
		name := warehouse.TableName{Schema: "main", Name: r[0].Text}
		if scope.Tables != nil && !slices.Contains(scope.Tables, name) {
			continue
		}
		// A dropped table's root page may be taken again, so it is no identity.
		t := &warehouse.Table{TableName: name, Kind: warehouse.BaseTable, FoldsColumns: true,
			Rows: -1, Bytes: -1, Written: -1}
		if r[1].Text == "view" {
			t.Kind, t.Definition = warehouse.View, r[2].Text
		}
		if err := broken[t.Name]; err != nil {
			t.ReadErr, t.Unreadable = err, warehouse.AllFacts
		}
		c.Tables[name] = t
	}
	if err := readFacts(c, a); err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	if len(a[5]) > 0 && scope.Facts&warehouse.Estimates != 0 {
		estimates := warehouse.Statement{SQL: query("estimates")}
		stat, err := warehouse.ReadAll(ctx, s, []warehouse.Statement{estimates})
		if err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		for _, r := range stat[0] {
			if t := c.Tables[warehouse.TableName{Schema: "main", Name: r[0].Text}]; t != nil {
				if t.Rows, err = strconv.ParseInt(r[1].Text, 10, 64); err != nil {
					return nil, fmt.Errorf("reading sqlite_stat1: %w", err)
				}
			}
		}
	}
	for _, t := range c.Tables {
		if scope.Facts&warehouse.Details != 0 {
			t.Server, t.DetailsVersion = "SQLite 3", warehouse.DetailsVersion
		} else {
			t.Details = nil
		}
		t.Sort()
	}
	return c, nil
}

func readFacts(c *warehouse.Catalog, a []warehouse.Rows) error {
	at := func(name string) *warehouse.Table { return c.Tables[warehouse.TableName{Schema: "main", Name: name}] }
	keys := map[string]map[int]string{}
	indexed := map[string]bool{} // tables whose primary key is an index, and not the rowid
	for _, r := range a[3] {
		indexed[r[0].Text] = indexed[r[0].Text] || r[3].Text == "pk"
	}
	for _, r := range a[2] {
		t := at(r[0].Text)
		if t == nil {
			continue
		}
		position, err := strconv.Atoi(r[1].Text)
		if err != nil {
			return err
		}
		col := warehouse.Column{
			Name:     r[2].Text,
			Position: position + 1,
			Type:     parseType(r[3].Text),
			Nullable: r[4].Text == "0",
			Default:  r[5].Text,
		}
		if r[7].Text == "2" || r[7].Text == "3" {
			col.Generated = "generated"
		}
		if r[6].Text != "0" {
			n, err := strconv.Atoi(r[6].Text)
			if err != nil {
				return err
			}
			if keys[t.Name] == nil {
				keys[t.Name] = map[int]string{}
			}
			keys[t.Name][n] = col.Name
			// A key column of an ordinary table is NOT NULL in all but name, where it is the
			// rowid. Any other key may hold NULL: nothing is proved by it.
			if col.Nullable && strings.EqualFold(r[3].Text, "integer") {
				col.Nullable = false
				t.Unproven = t.Unproven || n > 1 || indexed[t.Name]
			}
		}
		t.Columns = append(t.Columns, col)
	}
	for name, columns := range keys {
		setPrimaryKey(at(name), columns)
	}
	readDetails(c, a)
	for _, r := range a[4] {
		if t := at(r[0].Text); t != nil {
			readForeignKey(t, r)
		}
	}
	readImplied(c, a[2])
	return nil
}

// setPrimaryKey gives a table its key, of columns by their position in it from 1.
func setPrimaryKey(t *warehouse.Table, columns map[int]string) {
	key := warehouse.Key{}
	for n := 1; n <= len(columns); n++ {
		key.Columns = append(key.Columns, columns[n])
	}
	t.PrimaryKey = &key
	if len(columns) == 1 && isRowID(t, columns[1]) {
		rowID := warehouse.Index{Name: "rowid", Columns: key.Columns, Unique: true, Method: "btree"}
		t.Indexes = append(t.Indexes, rowID)
	}
}

// readDetails reads the indexes, with what the texts of tables and triggers say.
func readDetails(c *warehouse.Catalog, a []warehouse.Rows) {
	at := func(name string) *warehouse.Table { return c.Tables[warehouse.TableName{Schema: "main", Name: name}] }
	declared := map[string]declaration{}
	for _, r := range a[1] {
		if t := at(r[0].Text); t != nil && t.Kind == warehouse.BaseTable && c.Facts&warehouse.Details != 0 {
			declared[t.Name] = readDeclared(t, r[2].Text)
		}
	}
	for _, r := range a[3] {
		if t := at(r[0].Text); t != nil {
			readIndex(t, r)
			readIndexDetails(t, declared[t.Name], r)
		}
	}
	for name, d := range declared {
		readConflicts(at(name), d)
	}
	for _, r := range a[6] {
		if t := at(r[0].Text); t != nil {
			addDetail(t, warehouse.TriggerPart, r[1].Text, "definition", r[2].Text)
		}
	}
}

func isRowID(t *warehouse.Table, column string) bool {
	col := t.Column(column)
	return col != nil && strings.EqualFold(col.Type.Native, "integer")
}

func readIndex(t *warehouse.Table, r []warehouse.Cell) {
	column := r[5].Text
	if r[5].Null {
		column = "(expression)"
	}
	if n := len(t.Indexes); n > 0 && t.Indexes[n-1].Name == r[1].Text {
		t.Indexes[n-1].Columns = append(t.Indexes[n-1].Columns, column)
	} else {
		ix := warehouse.Index{
			Name:       r[1].Text,
			Columns:    []string{column},
			Unique:     r[2].Text == "1",
			Method:     "btree",
			Definition: indexBody(r[6].Text),
		}
		if r[4].Text == "1" {
			ix.Partial = partialBody(r[6].Text)
		}
		t.Indexes = append(t.Indexes, ix)
	}
	ix := t.Indexes[len(t.Indexes)-1]
	if ix.Unique && r[3].Text != "pk" && ix.Partial == "" {
		t.Unique = slices.DeleteFunc(t.Unique, func(k warehouse.Key) bool { return k.Name == ix.Name })
		t.Unique = append(t.Unique, warehouse.Key{Name: ix.Name, Columns: slices.Clone(ix.Columns)})
	}
}

// partialBody returns the condition of a partial index in lower case.
func partialBody(sql string) string {
	if at := partialWhere.FindStringIndex(sql); at != nil {
		return strings.ToLower(sql[at[1]:])
	}
	return "(unknown)"
}

// partialWhere is the WHERE of an index, after which the condition begins.
var partialWhere = regexp.MustCompile(`(?i)[\s)]where\b\s*`)

func indexBody(sql string) string {
	if i := strings.Index(sql, "("); i >= 0 {
		return sql[i:]
	}
	return ""
}

func readForeignKey(t *warehouse.Table, r []warehouse.Cell) {
	name := "fk_" + r[1].Text
	if n := len(t.ForeignKeys); n > 0 && t.ForeignKeys[n-1].Name == name {
		fk := &t.ForeignKeys[n-1]
		fk.Columns, fk.RefColumns = append(fk.Columns, r[3].Text), append(fk.RefColumns, r[4].Text)
		return
	}
	t.ForeignKeys = append(t.ForeignKeys, warehouse.ForeignKey{
		Name:       name,
		Columns:    []string{r[3].Text},
		References: warehouse.TableName{Schema: "main", Name: r[2].Text},
		RefColumns: []string{r[4].Text},
		OnUpdate:   strings.ToLower(r[5].Text),
		OnDelete:   strings.ToLower(r[6].Text),
	})
}
