package reload

import (
	"errors"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// complete sets columns and key from the table. It refuses configured ones that the
// table does not have.
func (a *Partition) complete(target *warehouse.Table, details *planDetails) error {
	switch {
	case details.Column == "" && !details.named():
		return &repair.RefusedError{Why: "it has no time column: set `partition:`, or `time_column:` on the dataset"}
	case len(target.Columns) == 0:
		return errors.New("its columns could not be read")
	case !details.named() && target.Column(details.Column) == nil:
		return &repair.RefusedError{Why: "there is no column " + details.Column}
	case target.Kind != warehouse.BaseTable && target.Kind != warehouse.PartitionedTable:
		return &repair.RefusedError{Why: "it is a " + strings.ReplaceAll(string(target.Kind), "_", " ")}
	case target.Filtered:
		return &repair.RefusedError{Why: "row security hides rows of it from the account of dsn: use an account that " +
			"sees all of them"}
	}
	for _, c := range target.Columns {
		if c.Writable() {
			details.Whole = append(details.Whole, c.Name)
		}
	}
	missing := slices.ContainsFunc(details.Whole, func(c string) bool { return !slices.Contains(details.Columns, c) })
	if len(details.Columns) == 0 || len(details.Columns) == len(details.Whole) && !missing {
		details.Columns = details.Whole // in the order of the table
	}
	if len(details.Key) == 0 && target.PrimaryKey != nil {
		details.Key = target.PrimaryKey.Columns
	}
	newerBy := slices.DeleteFunc([]string{a.NewerBy}, func(c string) bool { return c == "" })
	for _, c := range slices.Concat(details.Columns, details.Key, newerBy) {
		if target.Column(c) == nil {
			return &repair.RefusedError{Why: "there is no column " + c}
		}
	}
	details.Fixed, details.WholeFixed = fixed(target, details.Columns), fixed(target, details.Whole)
	return nil
}

// fixed returns those of the columns that an UPDATE cannot set.
func fixed(target *warehouse.Table, columns []string) (names []string) {
	for _, c := range columns {
		if target.Column(c).Fixed() {
			names = append(names, c)
		}
	}
	return names
}

// checkColumns refuses columns to load without which rows could not be told apart, or
// would lose what they hold.
func (a *Partition) checkColumns(target *warehouse.Table, details planDetails) error {
	loaded := func(c string) bool { return slices.Contains(details.Columns, c) }
	for _, c := range details.Columns {
		if !target.Column(c).Writable() {
			return repair.Refuse("columns: %s is computed by the table, and cannot be loaded", c)
		}
	}
	if !details.named() && !loaded(details.Column) {
		return &repair.RefusedError{Why: "columns: " + details.Column + " has to be among them"}
	}
	for _, c := range details.Key {
		if !loaded(c) {
			return repair.Refuse("columns: %s has to be among them, because it is part of the key", c)
		}
	}
	if a.NewerBy != "" && !loaded(a.NewerBy) {
		return repair.Refuse("newer_by: %s has to be among the columns that are loaded", a.NewerBy)
	}
	left := slices.DeleteFunc(slices.Clone(details.Whole), loaded)
	if len(left) == 0 {
		return nil
	}
	if a.Method != "merge" {
		return repair.Refuse("columns: method %s would wipe what rows hold in %s: add these columns, or set method: merge",
			a.Method, strings.Join(left, ", "))
	}
	for _, c := range left {
		if column := target.Column(c); !column.Nullable && column.Default == "" && column.Generated == "" {
			return repair.Refuse("columns: %s has to be among them, because it may not be empty and has no default", c)
		}
	}
	for _, c := range details.Fixed {
		if !slices.Contains(details.Key, c) {
			return repair.Refuse("columns: %s numbers the rows, and a row whose number changes is made anew, without what "+
				"it holds in %s", c, strings.Join(left, ", "))
		}
	}
	return nil
}
