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

// targetColumn is the column as the source, or the configuration, has it.
func targetColumn(ctx context.Context, t *repair.Target, trigger repair.Trigger, name string) (warehouse.Column, error) {
	for _, c := range trigger.Declared {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
	}
	if trigger.Like == nil {
		return warehouse.Column{}, &repair.RefusedError{Why: "the check neither declares columns nor names a " +
			"table to be like: what to alter to is not known"}
	}
	db, err := t.Sources.Open(trigger.Like.Warehouse)
	if err != nil {
		return warehouse.Column{}, err
	}
	source, err := repair.ReadTable(ctx, db, *trigger.Like)
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
		return warehouse.Column{}, repair.Refuse("%s has columns whose names differ from %q in case alone",
			trigger.Like, name)
	}
	if db.Dialect.Name() != t.Read.Dialect.Name() {
		dialect, err := repair.WriteDialect(t.Read)
		if err != nil {
			return found[0], err
		}
		native, ok := dialect.TypeName(found[0].Type)
		if !ok {
			return found[0], repair.Refuse("%s of %s has no exact counterpart in %s", found[0].Type.Native,
				db.Dialect.Name(), t.Read.Dialect.Name())
		}
		found[0].Type = warehouse.ParseType(native)
		found[0].Type.Native = native
	}
	return found[0], nil
}

// lazyRegexp compiles an expression when it is first needed: most agents need none
// of them.
func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// plainType is what a type may look like that is put into a statement: a name
// with numbers, as the engine's own catalog spells it.
var plainType = lazyRegexp(`^[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)*(\([0-9]+(,[0-9]+)?\))?( [A-Za-z]+)*(\[\])*$`)

func checkType(native string) error {
	if !plainType().MatchString(native) {
		return repair.Refuse("type %q is not one that is altered to by itself", native)
	}
	return nil
}

// changePlanner plans one kind of change. It may raise the plan's class and add hazards.
type changePlanner func(
	d warehouse.WriteDialect, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (alteration, error)

func addColumn(
	d warehouse.WriteDialect, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (change alteration, err error) {
	if target.Column(want.Name) != nil {
		return change, repair.ErrNothing
	}
	if err := checkNewName(d, target, want.Name); err != nil {
		return change, err
	}
	if err := checkType(want.Type.Native); err != nil {
		return change, err
	}
	table, column, err := quoted(d, target, want.Name)
	if err != nil {
		return change, &repair.RefusedError{Why: err.Error()}
	}
	change.Type = want.Type.Native
	definition, nullable, hazards := addedColumn(want, &change)
	plan.Hazards = append(plan.Hazards, hazards...)
	change.Forward = d.AddColumn(table, column, definition, nullable)
	change.Reverse = fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", table, column)
	if want.Type.Family == warehouse.Other || want.Type.Family == warehouse.Enum {
		plan.Class, plan.Why = sentinel.ClassApprove, "a type of the user's own may hide a constraint that "+
			"rewrites the table"
	}
	plan.Hazards = append(plan.Hazards, "loaders that insert without naming columns fail; views of SELECT * "+
		"keep the old list")
	return change, nil
}

// addedColumn writes type and default, and decides on nullability. A constant default comes
// along, and with it NOT NULL: the engines keep it in the catalog and rewrite
// nothing. Any other default would give old rows a value of today.
func addedColumn(want warehouse.Column, c *alteration) (definition string, nullable bool, hazards []string) {
	definition = want.Type.Native
	var constant bool
	if c.Default, constant = constantDefault(want); constant {
		definition += " DEFAULT " + c.Default
	}
	switch {
	case want.Generated != "":
		hazards = append(hazards, "the source computes it; here it is a plain column")
	case want.Default != "" && !constant:
		hazards = append(hazards, "the source's default "+want.Default+" is no constant, and is left out")
	}
	if !want.Nullable && !constant {
		hazards = append(hazards, "the source says NOT NULL; it is added as nullable, since old rows have no value")
	}
	return definition, want.Nullable || !constant, hazards
}

var (
	numberDefault = lazyRegexp(`^'?(-?[0-9]+(?:\.[0-9]+)?)'?(?:::[a-z ]+(?:\([0-9,]+\))?)?$`)
	textDefault   = lazyRegexp(`^'([^'\\\x00-\x1f]*)'(?:::[a-z ]+(?:\([0-9]+\))?)?$`)
)

// constantDefault is a column's default as every engine reads it, where it is a constant
// of a plain type. Text with quotes or backslashes, which engines read in
// different ways, is not taken over.
func constantDefault(c warehouse.Column) (text string, ok bool) {
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

// checkNewName refuses names that the server would refuse, or confuse with another.
func checkNewName(d warehouse.WriteDialect, target *warehouse.Table, name string) error {
	if err := d.CheckColumnName(name); err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	for _, c := range target.Columns {
		if strings.EqualFold(c.Name, name) {
			return repair.Refuse("the table has a column %q, which differs from %q in case alone", c.Name, name)
		}
	}
	return nil
}

func widenType(
	d warehouse.WriteDialect, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (change alteration, err error) {
	have := target.Column(want.Name)
	switch {
	case have == nil:
		return change, repair.ErrNothing
	case have.Type.Native == want.Type.Native:
		return change, repair.ErrNothing
	case have.Generated != "":
		return change, &repair.RefusedError{Why: "the column is generated"}
	}
	if err := checkType(want.Type.Native); err != nil {
		return change, err
	}
	for _, k := range target.PartitionKey {
		if k == want.Name {
			return change, &repair.RefusedError{Why: "the column is part of the partition key"}
		}
	}
	table, column, err := quoted(d, target, want.Name)
	if err != nil {
		return change, &repair.RefusedError{Why: err.Error()}
	}
	change.Type = want.Type.Native
	forward, approve, err := d.ChangeType(warehouse.TypeChange{
		Table: table, Column: column, From: *have, To: want, Bytes: target.Bytes,
	})
	if err != nil {
		return change, &repair.RefusedError{Why: err.Error()}
	}
	change.Forward = forward
	if approve != "" {
		plan.Class, plan.Why = sentinel.ClassApprove, approve
	}
	return change, nil
}

func dropNotNull(
	d warehouse.WriteDialect, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (change alteration, err error) {
	have := target.Column(want.Name)
	if have == nil || have.Nullable {
		return change, repair.ErrNothing
	}
	dropper, ok := d.(warehouse.NullDropper)
	if !ok {
		return change, &repair.RefusedError{Why: "making a column nullable is done by itself on PostgreSQL only"}
	}
	table, column, err := quoted(d, target, want.Name)
	if err != nil {
		return change, &repair.RefusedError{Why: err.Error()}
	}
	change.Type = have.Type.Native
	change.Forward, change.Reverse = dropper.DropNotNull(table, column)
	plan.Class, plan.Why = sentinel.ClassApprove, "it weakens what readers may rely on"
	return change, nil
}

func quoted(d warehouse.Dialect, target *warehouse.Table, column string) (t, c string, err error) {
	if t, err = warehouse.QuoteTable(d, target.TableName); err != nil {
		return "", "", err
	}
	c, err = d.Quote(column)
	return t, c, err
}
