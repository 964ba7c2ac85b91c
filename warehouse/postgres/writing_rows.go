package postgres

import (
	"database/sql"
	"strings"
)

// InsertRows implements warehouse.RowInserter. Without the clause the server refuses
// values for a column that is GENERATED ALWAYS AS IDENTITY.
func (Dialect) InsertRows(table, columns, query string) string {
	return "INSERT INTO " + table + " (" + columns + ") OVERRIDING SYSTEM VALUE " + query
}

// MoveRows implements warehouse.RowMover. Under READ COMMITTED the server waits for rows
// that another session has changed, and returns them as they are then.
func (Dialect) MoveRows(table, keep, columns, condition string) string {
	return "WITH gone AS (DELETE FROM " + table + " WHERE " + condition + " RETURNING " + columns + ") INSERT INTO " +
		keep + " (" + columns + ") SELECT " + columns + " FROM gone"
}

// RepairIsolation implements warehouse.IsolationChooser. A statement must see what was
// committed before it, above all once a table is locked.
func (Dialect) RepairIsolation() sql.IsolationLevel { return sql.LevelReadCommitted }

// CheckAccount implements warehouse.AccountChecker.
func (Dialect) CheckAccount() string { return checkAccountSQL }

// Sequences implements warehouse.SequenceAdvancer.
func (Dialect) Sequences() string { return sequencesSQL }

// AdvanceSequence implements warehouse.SequenceAdvancer. Numbers are taken one by one
// where there are few, because taking a number never moves a sequence back. To go back
// where there are many, others would have to take as many in the same moment.
func (Dialect) AdvanceSequence(sequence, column, from string) string {
	return strings.NewReplacer("$sequence", sequence, "$literal", literal(sequence), "$column", column, "$from", from).
		Replace(advanceSequenceSQL)
}

// literal quotes a text.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
