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

// targetColumn returns the column as the source or the configuration defines it.
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
	kind, err := warehouse.TranslateType(found[0].Type, db.Dialect, t.Read.Dialect)
	if err != nil {
		return found[0], &repair.RefusedError{Why: err.Error()}
	}
	found[0].Type = kind
	return found[0], nil
}

// lazyRegexp compiles an expression when it is first used, because most agents use none
// of them.
func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// plainType matches the types that may be put into a statement: a name with numbers, as
// the engine's catalog spells it.
var plainType = lazyRegexp(`^[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)*(\([0-9]+(,[0-9]+)?\))?( [A-Za-z]+)*(\[\])*$`)

func checkType(native string) error {
	if !plainType().MatchString(native) {
		return repair.Refuse("type %q is not one that is altered to by itself", native)
	}
	return nil
}

// needed reports whether the table still lacks the change.
func needed(kind sentinel.DriftKind, target *warehouse.Table, want warehouse.Column) bool {
	have := target.Column(want.Name)
	switch kind {
	case sentinel.ColumnAdded:
		return have == nil
	case sentinel.TypeWidened:
		return have != nil && have.Type.Native != want.Type.Native
	}
	return have != nil && !have.Nullable
}

// changePlanner plans one kind of change that is needed. It may raise the plan's class
// and add hazards.
type changePlanner func(
	d warehouse.WriteDialect, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (alteration, error)

func addColumn(
	d warehouse.WriteDialect, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (change alteration, err error) {
	if err := checkNewName(d, target, want.Name); err != nil {
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
		plan.Class, plan.Why = sentinel.ClassApprove, "type "+want.Type.Native+" may do more than hold values, such "+
			"as rewrite the table"
	}
	if want.Collation != "" {
		plan.Hazards = append(plan.Hazards, "the source's collation "+want.Collation+" is left out")
	}
	plan.Hazards = append(plan.Hazards, "loaders that insert without naming columns fail; views of SELECT * "+
		"keep the old list")
	return change, nil
}

// addedColumn returns the type and default of a new column, and decides whether it may
// be NULL. A constant default is copied, and NOT NULL with it: engines keep it in the
// catalog and rewrite nothing. Any other default is not copied, because it would give
// old rows a value of today.
func addedColumn(want warehouse.Column, c *alteration) (definition string, nullable bool, hazards []string) {
	definition = want.Type.Native
	var constant bool
	if c.Default, constant = warehouse.ConstantDefault(want); constant {
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

// checkNewName refuses names that the server would refuse, or confuse with another
// name.
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
	if have.Generated != "" {
		return change, &repair.RefusedError{Why: "the column is generated"}
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
		Table: table, Column: column, From: *have, To: want, Have: target, Bytes: target.Bytes,
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
