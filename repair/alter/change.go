package alter

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// wanted is the column as the source, or the configuration, has it.
func wanted(ctx context.Context, t *repair.Target, why repair.Trigger, name string) (warehouse.Column, error) {
	for _, c := range why.Declared {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
	}
	if why.Like == nil {
		return warehouse.Column{}, &repair.RefusedError{Why: "the check neither declares columns nor names a table to be like: what to alter to is not known"}
	}
	db, err := t.Sources.Open(why.Like.Warehouse)
	if err != nil {
		return warehouse.Column{}, err
	}
	source, err := repair.Relation(ctx, db, *why.Like)
	if err != nil {
		return warehouse.Column{}, err
	}
	found := []warehouse.Column{}
	for _, c := range source.Columns {
		if strings.EqualFold(c.Name, name) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0:
		return warehouse.Column{}, repair.ErrNothing
	case len(found) > 1:
		return warehouse.Column{}, &repair.RefusedError{Why: fmt.Sprintf("%s has columns whose names differ from %q in case alone", why.Like, name)}
	}
	if db.Config.Dialect != t.Read.Config.Dialect {
		native, ok := spell(t.Read.Config.Dialect, found[0].Type)
		if !ok {
			return found[0], &repair.RefusedError{Why: fmt.Sprintf("%s of %s has no exact counterpart in %s", found[0].Type.Native, db.Config.Dialect, t.Read.Config.Dialect)}
		}
		found[0].Type = warehouse.ParseType(native)
		found[0].Type.Native = native
	}
	return found[0], nil
}

// pattern compiles an expression when it is first needed: most agents need none
// of them.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// plainType is what a type may look like that is put into a statement: a name
// with numbers, as the engine's own catalog spells it.
var plainType = pattern(`^[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)*(\([0-9]+(,[0-9]+)?\))?( [A-Za-z]+)*(\[\])*$`)

func checkType(native string) error {
	if !plainType().MatchString(native) {
		return &repair.RefusedError{Why: fmt.Sprintf("type %q is not one that is altered to by itself", native)}
	}
	return nil
}

func addColumn(engine string, d warehouse.Dialect, here *warehouse.Table, want warehouse.Column, plan *sentinel.Plan) (c alteration, err error) {
	if here.Column(want.Name) != nil {
		return c, repair.ErrNothing
	}
	if err := addable(engine, here, want.Name); err != nil {
		return c, err
	}
	if err := checkType(want.Type.Native); err != nil {
		return c, err
	}
	table, column, err := quoted(d, here, want.Name)
	if err != nil {
		return c, &repair.RefusedError{Why: err.Error()}
	}
	c.Type = want.Type.Native
	definition, hazards := addedColumn(engine, want, &c)
	plan.Hazards = append(plan.Hazards, hazards...)
	c.Forward = fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", table, column, definition)
	c.Reverse = fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", table, column)
	if engine == "mysql" {
		c.Forward += ", ALGORITHM=INSTANT"
	}
	if want.Type.Family == warehouse.Other || want.Type.Family == warehouse.Enum {
		plan.Class, plan.Why = sentinel.ClassApprove, "a type of the user's own may hide a constraint that rewrites the table"
	}
	plan.Hazards = append(plan.Hazards, "loaders that insert without naming columns fail; views of SELECT * keep the old list")
	return c, nil
}

// addedColumn writes type, default and nullability. A constant default comes
// along, and with it NOT NULL: the engines keep it in the catalog and rewrite
// nothing. Any other default would give old rows a value of today.
func addedColumn(engine string, want warehouse.Column, c *alteration) (definition string, hazards []string) {
	definition = want.Type.Native
	var constant bool
	if c.Default, constant = literal(want); constant {
		definition += " DEFAULT " + c.Default
	}
	switch {
	case want.Generated != "":
		hazards = append(hazards, "the source computes it; here it is a plain column")
	case want.Default != "" && !constant:
		hazards = append(hazards, "the source's default "+want.Default+" is no constant, and is left out")
	}
	switch {
	case !want.Nullable && constant:
		definition += " NOT NULL"
	case !want.Nullable:
		hazards = append(hazards, "the source says NOT NULL; it is added as nullable, since old rows have no value")
		fallthrough
	case engine == "mysql":
		definition += " NULL"
	}
	return definition, hazards
}

var (
	numberDefault = pattern(`^'?(-?[0-9]+(?:\.[0-9]+)?)'?(?:::[a-z ]+(?:\([0-9,]+\))?)?$`)
	textDefault   = pattern(`^'([^'\\\x00-\x1f]*)'(?:::[a-z ]+(?:\([0-9]+\))?)?$`)
)

// literal is a column's default as every engine reads it, where it is a constant
// of a plain type. Text with quotes or backslashes, which engines read in
// different ways, is not taken over.
func literal(c warehouse.Column) (text string, ok bool) {
	if c.Generated != "" {
		return "", false
	}
	switch c.Type.Family {
	case warehouse.Integer, warehouse.Decimal:
		if m := numberDefault().FindStringSubmatch(c.Default); m != nil {
			return m[1], true
		}
	case warehouse.Boolean:
		switch c.Default {
		case "true", "false", "1", "0":
			return c.Default, true
		}
	case warehouse.Text:
		if m := textDefault().FindStringSubmatch(c.Default); m != nil {
			return "'" + m[1] + "'", true
		}
	}
	return "", false
}

// systemColumns are PostgreSQL's own, which no column may be called.
var systemColumns = map[string]bool{"tableoid": true, "xmin": true, "cmin": true, "xmax": true, "cmax": true, "ctid": true}

// addable refuses names that the server would refuse, or confuse with another.
func addable(engine string, here *warehouse.Table, name string) error {
	switch {
	case engine == "postgres" && systemColumns[name]:
		return &repair.RefusedError{Why: name + " is the name of a system column"}
	case engine == "mysql" && strings.TrimRight(name, " ") != name:
		return &repair.RefusedError{Why: fmt.Sprintf("the name %q ends in a space", name)}
	}
	for _, c := range here.Columns {
		if strings.EqualFold(c.Name, name) {
			return &repair.RefusedError{Why: fmt.Sprintf("the table has a column %q, which differs from %q in case alone", c.Name, name)}
		}
	}
	return nil
}

func widen(engine string, d warehouse.Dialect, here *warehouse.Table, want warehouse.Column, plan *sentinel.Plan) (c alteration, err error) {
	have := here.Column(want.Name)
	switch {
	case have == nil:
		return c, repair.ErrNothing
	case have.Type.Native == want.Type.Native:
		return c, repair.ErrNothing
	case engine == "sqlite":
		return c, &repair.RefusedError{Why: "SQLite cannot change a column's type"}
	case have.Generated != "":
		return c, &repair.RefusedError{Why: "the column is generated"}
	case engine == "postgres" && have.Collation != "":
		return c, &repair.RefusedError{Why: "its collation " + have.Collation + " would be reset, which rebuilds its indexes"}
	}
	if err := checkType(want.Type.Native); err != nil {
		return c, err
	}
	for _, k := range here.PartitionKey {
		if k == want.Name {
			return c, &repair.RefusedError{Why: "the column is part of the partition key"}
		}
	}
	table, column, err := quoted(d, here, want.Name)
	if err != nil {
		return c, &repair.RefusedError{Why: err.Error()}
	}
	c.Type = want.Type.Native
	if engine == "mysql" {
		return mysqlWiden(c, table, column, have, want, plan)
	}
	c.Forward = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", table, column, want.Type.Native)
	if !catalogOnly(have.Type, want.Type) {
		const cap = 256 << 20
		if here.Bytes < 0 || here.Bytes > cap {
			return c, &repair.RefusedError{Why: fmt.Sprintf("%s to %s rewrites the table and its indexes under a lock that stops all readers: add a new column and fill it in batches", have.Type.Native, want.Type.Native)}
		}
		plan.Class, plan.Why = sentinel.ClassApprove, fmt.Sprintf("%s to %s rewrites the table (%d MB) under a lock that stops all readers", have.Type.Native, want.Type.Native, here.Bytes>>20)
	}
	return c, nil
}

// catalogOnly reports whether PostgreSQL changes the type in its catalog alone,
// without a rewrite: measured, see docs/repair/alter_table.md.
func catalogOnly(from, to warehouse.Type) bool {
	varying := func(t warehouse.Type) bool {
		return t.Family == warehouse.Text && !strings.HasPrefix(t.Native, "character(")
	}
	switch {
	case varying(from) && varying(to):
		return to.Length == 0 || from.Length != 0 && from.Length <= to.Length
	case from.Family == warehouse.Decimal && to.Family == warehouse.Decimal:
		return to.Precision == 0 || from.Precision != 0 && from.Scale == to.Scale && from.Precision <= to.Precision
	case from.Family == to.Family && (from.Family == warehouse.Timestamp || from.Family == warehouse.Time || from.Family == warehouse.Interval):
		return from.Zoned == to.Zoned && (to.Precision == 0 || from.Precision != 0 && from.Precision <= to.Precision)
	}
	return false
}

func loosen(engine string, d warehouse.Dialect, here *warehouse.Table, want warehouse.Column, plan *sentinel.Plan) (c alteration, err error) {
	have := here.Column(want.Name)
	if have == nil || have.Nullable {
		return c, repair.ErrNothing
	}
	if engine != "postgres" {
		return c, &repair.RefusedError{Why: "making a column nullable is done by itself on PostgreSQL only"}
	}
	table, column, err := quoted(d, here, want.Name)
	if err != nil {
		return c, &repair.RefusedError{Why: err.Error()}
	}
	c.Type = have.Type.Native
	c.Forward = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", table, column)
	c.Reverse = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", table, column)
	plan.Class, plan.Why = sentinel.ClassApprove, "it weakens what readers may rely on"
	return c, nil
}

func quoted(d warehouse.Dialect, here *warehouse.Table, column string) (t, c string, err error) {
	if t, err = warehouse.QuoteTable(d, here.TableName); err != nil {
		return "", "", err
	}
	c, err = d.Quote(column)
	return t, c, err
}

// spell writes a canonical type in an engine's words, where it has an exact one.
func spell(engine string, t warehouse.Type) (string, bool) {
	sized := func(name string) string {
		if t.Length > 0 {
			return fmt.Sprintf("%s(%d)", name, t.Length)
		}
		return "text"
	}
	switch t.Family {
	case warehouse.Boolean:
		return map[string]string{"postgres": "boolean", "mysql": "tinyint(1)", "sqlite": "boolean"}[engine], true
	case warehouse.Integer:
		if t.Unsigned {
			return "", false
		}
		return map[int]string{16: "smallint", 32: "integer", 64: "bigint"}[t.Bits], t.Bits >= 16 && t.Bits != 24
	case warehouse.Decimal:
		if t.Precision == 0 {
			return "numeric", engine != "mysql"
		}
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale), true
	case warehouse.FloatType:
		return "double precision", t.Bits == 64
	case warehouse.Text:
		return sized("varchar"), true
	case warehouse.Date:
		return "date", true
	case warehouse.Timestamp:
		if engine == "mysql" {
			return "datetime(6)", !t.Zoned
		}
		return map[bool]string{true: "timestamptz", false: "timestamp"}[t.Zoned], true
	case warehouse.UUID:
		return "uuid", engine == "postgres"
	case warehouse.JSON:
		return map[string]string{"postgres": "jsonb", "mysql": "json"}[engine], engine != "sqlite"
	}
	return "", false
}
