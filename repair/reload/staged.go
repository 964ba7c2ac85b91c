package reload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Staged implements repair.Prover.
func (a *Partition) Staged(ctx context.Context, run *repair.Run) (*repair.Staged, error) {
	details, err := a.decodeDetails(run)
	if err != nil {
		return nil, err
	}
	if applied, err := run.Target.Write.Done(ctx, run.Repair, "apply"); applied || err != nil {
		return nil, err
	}
	if swapped, err := a.swappedBeforeCrash(ctx, run, details); swapped || err != nil {
		return nil, err
	}
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return nil, err
	}
	l, err := a.newLoader(run, details, "new", "")
	if err != nil {
		return nil, err
	}
	if l.checkpoints, err = openCheckpoints(ctx, l.writer, run.Repair); err != nil {
		return nil, err
	}
	staged := &repair.Staged{Source: run.Repair.Source}
	if staged.Source == "" {
		staged.Source = details.sources()[0].String()
	}
	values, err := l.checkpoints.get(ctx, l.writer.DB, valuesCheckpoint)
	if err != nil {
		return nil, l.writer.WrapError("reading what was staged", err)
	}
	sum := sha256.Sum256([]byte(values))
	staged.Content = hex.EncodeToString(sum[:16])
	rows := stagedRows{
		window: windowQuery{dialect: l.writer.Dialect, table: target.TableName, planDetails: details},
		table:  l.table,
		staged: l.from,
	}
	if staged.Hidden, err = l.showColumns(ctx, target, &rows); err != nil {
		return nil, err
	}
	staged.Rows = rows
	return staged, nil
}

// stagedRows is the table as it would be: its rows outside of the window, and the staged
// rows.
type stagedRows struct {
	window        windowQuery
	table, staged string   // quoted
	columns       []string // of the table, quoted
	values        []string // of a staged row, one for each column
	join          string   // to the row with the same key, for values of it; "" for none
}

// Query implements warehouse.RowSource.
func (rows stagedRows) Query(_ warehouse.Dialect, args *[]any) (string, error) {
	where, bounds, err := rows.window.where(len(*args) + 1)
	if err != nil {
		return "", err
	}
	*args = append(*args, bounds...)
	columns := strings.Join(rows.columns, ", ")
	// A time that is NULL, or cannot be read, is not in the window.
	return fmt.Sprintf("SELECT %s FROM %s WHERE (%s) IS NOT TRUE UNION ALL SELECT %s FROM %s s%s",
		columns, rows.table, where, strings.Join(rows.values, ", "), rows.staged, rows.join), nil
}

// showColumns sets the columns of rows, and returns those whose values after the exchange
// are not known: those that the engine fills.
func (l loader) showColumns(
	ctx context.Context, target *warehouse.Table, rows *stagedRows,
) (hidden []string, err error) {
	joined := false
	kept := l.action.Method == "merge"
	if kept {
		if kept, err = l.allKeysExist(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range target.Columns {
		quoted, err := l.writer.Dialect.Quote(c.Name)
		if err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
		value := "s." + quoted
		switch {
		case l.details.Leaf != nil || slices.Contains(l.details.Columns, c.Name): // as it is staged
		case c.Generated != "":
			value = ""
		case kept || l.action.Method == "merge" && c.Default == "":
			value, joined = "t."+quoted, true
		case c.Default != "":
			value = ""
		default:
			value = "NULL"
		}
		if value == "" {
			hidden = append(hidden, c.Name)
			continue
		}
		rows.columns, rows.values = append(rows.columns, quoted), append(rows.values, value)
	}
	if joined {
		key, err := l.rowKey()
		if err != nil {
			return nil, err
		}
		rows.join = " LEFT JOIN " + l.table + " t ON " + warehouse.SameKey(key, "s", "t")
	}
	return hidden, nil
}

// allKeysExist reports whether every staged row has a row with its key in the table, so
// that it is updated and not inserted.
func (l loader) allKeysExist(ctx context.Context) (bool, error) {
	key, err := l.rowKey()
	if err != nil {
		return false, err
	}
	var missing int64
	err = l.writer.DB.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*)
		FROM %s s
		WHERE NOT EXISTS (SELECT 1 FROM %s t WHERE %s)`, l.from, l.table, warehouse.SameKey(key, "s", "t"))).Scan(&missing)
	return missing == 0, l.writer.WrapError("comparing the staged keys", err)
}
