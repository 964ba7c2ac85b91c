package warehouse

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// mysqlScope narrows an information_schema view aliased x to the scope.
func mysqlScope(scope Scope) (string, []any) {
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
	return "(x.table_schema, x.table_name) IN (" + strings.TrimSuffix(strings.Repeat("(?,?),", len(scope.Tables)), ",") + ")", args
}

var mysqlParts = []struct {
	fact Facts
	sql  string
}{
	{0, `SELECT x.table_schema, x.table_name, x.table_type, x.table_comment, x.table_rows, x.data_length + x.index_length, timestampdiff(MICROSECOND, '1970-01-01', x.update_time) / 1000000, coalesce(x.create_options, '') FROM information_schema.tables x WHERE %s`},
	{Columns, `SELECT x.table_schema, x.table_name, x.column_name, x.ordinal_position, x.column_type, x.is_nullable, x.column_default, x.extra, x.generation_expression, x.collation_name, x.column_comment FROM information_schema.columns x WHERE %s`},
	{Keys, `SELECT x.table_schema, x.table_name, x.constraint_name, x.column_name, x.referenced_table_schema, x.referenced_table_name, x.referenced_column_name, r.update_rule, r.delete_rule FROM information_schema.key_column_usage x LEFT JOIN information_schema.referential_constraints r ON r.constraint_schema = x.constraint_schema AND r.table_name = x.table_name AND r.constraint_name = x.constraint_name WHERE %s ORDER BY x.table_schema, x.table_name, x.constraint_name, x.ordinal_position`},
	{Keys | Indexes, `SELECT x.table_schema, x.table_name, x.index_name, x.non_unique, x.column_name, x.index_type, x.sub_part, x.collation FROM information_schema.statistics x WHERE %s ORDER BY x.table_schema, x.table_name, x.index_name, x.seq_in_index`},
	{Partitions, `SELECT x.table_schema, x.table_name, x.partition_name, x.partition_method, x.partition_expression, x.partition_description, x.table_rows FROM information_schema.partitions x WHERE x.partition_name IS NOT NULL AND %s ORDER BY x.partition_ordinal_position`},
	{Views, `SELECT x.table_schema, x.table_name, x.view_definition FROM information_schema.views x WHERE %s`},
}

// Catalog implements Dialect: a constant number of statements. MySQL shows only
// the tables the user has some privilege on; a view's text needs SHOW VIEW.
func (d MySQL) Catalog(ctx context.Context, s Sessions, scope Scope) (*Catalog, error) {
	where, args := mysqlScope(scope)
	statements := []Statement{{SQL: `SELECT ` + d.Epoch("") + `, coalesce(database(), ''), @@global.read_only`}}
	readers := []func(*Catalog, Rows) error{nil}
	for i, p := range mysqlParts {
		st := Statement{SQL: fmt.Sprintf(p.sql, where), Args: args}
		switch {
		case p.fact == 0 || p.fact&scope.Facts != 0:
		case p.fact == Columns && len(scope.ColumnNames) > 0:
			st.SQL += " AND x.column_name IN (" + strings.TrimSuffix(strings.Repeat("?,", len(scope.ColumnNames)), ",") + ")"
			for _, name := range scope.ColumnNames {
				st.Args = append(st.Args, name)
			}
		default:
			continue
		}
		statements = append(statements, st)
		readers = append(readers, mysqlReaders[i])
	}
	answers, err := readAll(ctx, s, statements)
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	server := answers[0][0]
	asOf, err := epochTime(server[0])
	if err != nil {
		return nil, fmt.Errorf("reading the server's clock: %w", err)
	}
	c := &Catalog{AsOf: asOf, Facts: scope.Facts, Tables: map[TableName]*Table{}, DefaultSchema: server[1].Text, Standby: server[2].Text == "1"}
	for i, read := range readers[1:] {
		if err := read(c, answers[i+1]); err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
	}
	for _, t := range c.Tables {
		t.finish()
	}
	if c.Standby {
		c.Lag = lagOfMySQL(ctx, s)
	}
	return c, nil
}

var mysqlReaders = []func(*Catalog, Rows) error{mysqlTables, mysqlColumns, mysqlKeys, mysqlIndexes, mysqlPartitions, mysqlViews}

func mysqlTables(c *Catalog, rows Rows) (err error) {
	for _, r := range rows {
		t := &Table{TableName: TableName{r[0].Text, r[1].Text}, Kind: BaseTable, Comment: r[3].Text, Rows: -1, Bytes: -1, Written: -1}
		switch {
		case strings.Contains(r[2].Text, "VIEW"):
			t.Kind, t.Comment = View, ""
		case strings.Contains(r[7].Text, "partitioned"):
			t.Kind = PartitionedTable
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
		if t.Modified, err = epochTime(r[6]); err != nil {
			return err
		}
		c.Tables[t.TableName] = t
	}
	return nil
}

func mysqlColumns(c *Catalog, rows Rows) error {
	for _, r := range rows {
		t := c.Tables[TableName{r[0].Text, r[1].Text}]
		if t == nil {
			continue
		}
		position, err := strconv.Atoi(r[3].Text)
		if err != nil {
			return err
		}
		col := Column{
			Name: r[2].Text, Position: position, Type: mysqlType(r[4].Text), Nullable: r[5].Text == "YES",
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
	}
	return nil
}

func mysqlKeys(c *Catalog, rows Rows) error {
	for _, r := range rows {
		t := c.Tables[TableName{r[0].Text, r[1].Text}]
		if t == nil || r[5].Null {
			continue // primary and unique keys come with the indexes
		}
		if n := len(t.ForeignKeys); n == 0 || t.ForeignKeys[n-1].Name != r[2].Text {
			t.ForeignKeys = append(t.ForeignKeys, ForeignKey{
				Name: r[2].Text, References: TableName{r[4].Text, r[5].Text},
				OnUpdate: strings.ToLower(r[7].Text), OnDelete: strings.ToLower(r[8].Text),
			})
		}
		fk := &t.ForeignKeys[len(t.ForeignKeys)-1]
		fk.Columns, fk.RefColumns = append(fk.Columns, r[3].Text), append(fk.RefColumns, r[6].Text)
	}
	return nil
}

func mysqlIndexes(c *Catalog, rows Rows) error {
	for _, r := range rows {
		t := c.Tables[TableName{r[0].Text, r[1].Text}]
		if t == nil {
			continue
		}
		column := r[4].Text
		if r[4].Null {
			column = "(expression)"
		}
		if n := len(t.Indexes); n == 0 || t.Indexes[n-1].Name != r[2].Text {
			t.Indexes = append(t.Indexes, Index{Name: r[2].Text, Unique: r[3].Text == "0", Method: strings.ToLower(r[5].Text)})
		}
		ix := &t.Indexes[len(t.Indexes)-1]
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
				t.PrimaryKey = &Key{Name: ix.Name, Columns: ix.Columns}
			case ix.Unique:
				t.Unique = append(t.Unique, Key{Name: ix.Name, Columns: ix.Columns})
			}
		}
	}
	return nil
}

func mysqlPartitions(c *Catalog, rows Rows) error {
	last := map[*Table]string{}
	for _, r := range rows {
		t := c.Tables[TableName{r[0].Text, r[1].Text}]
		if t == nil {
			continue
		}
		method := strings.ToLower(r[3].Text)
		t.Kind = PartitionedTable
		t.PartitionBy, _, _ = strings.Cut(method, " ")
		t.PartitionKey = []string{strings.ReplaceAll(r[4].Text, "`", "")}
		p := Partition{Name: r[2].Text, Bound: method + " " + r[5].Text, Rows: -1}
		if strings.HasPrefix(method, "range") {
			p.IsRange, p.From, p.To = true, last[t], strings.Trim(r[5].Text, "'")
			if p.To == "MAXVALUE" {
				p.To = ""
			}
			last[t] = p.To
		}
		if !r[6].Null {
			n, err := strconv.ParseInt(r[6].Text, 10, 64)
			if err != nil {
				return err
			}
			p.Rows = n
		}
		t.Partitions = append(t.Partitions, p)
	}
	return nil
}

func mysqlViews(c *Catalog, rows Rows) error {
	for _, r := range rows {
		if t := c.Tables[TableName{r[0].Text, r[1].Text}]; t != nil {
			t.Definition = r[2].Text
			if t.Definition == "" {
				t.Unreadable |= Views
			}
		}
	}
	return nil
}
