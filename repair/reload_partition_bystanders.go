package repair

import (
	"context"
	"fmt"
	"strings"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A reload deletes rows and inserts them again. These ask an engine for what
// would notice: tables that lose rows with them, and triggers of the table.
var (
	losers = map[string]string{
		"postgres": `SELECT DISTINCT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') AND confrelid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) ORDER BY 1`,
		"mysql":    `SELECT DISTINCT table_name FROM information_schema.referential_constraints WHERE unique_constraint_schema = ? AND referenced_table_name = ? AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') ORDER BY 1`,
	}
	triggers = map[string]string{
		"postgres": `SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgrelid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) ORDER BY 1`,
		"mysql":    `SELECT trigger_name FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ? AND event_manipulation <> 'UPDATE' ORDER BY 1`,
		"sqlite":   `SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?2 AND ?1 <> '' ORDER BY 1`,
	}
)

// bystanders refuses a reload that would delete rows of other tables (SQLite's
// writer does not enforce foreign keys, and so deletes none), and leaves one
// that sets triggers off to a person.
func bystanders(ctx context.Context, db *warehouse.DB, here *warehouse.Table, plan *sentinel.Plan) error {
	found := func(query string) (string, error) {
		if query == "" {
			return "", nil
		}
		rows, err := one(ctx, db, warehouse.Statement{SQL: query, Args: []any{here.Schema, here.Name}})
		if err != nil {
			return "", transient(fmt.Errorf("looking for what depends on the rows: %w", err))
		}
		var names []string
		for _, row := range rows {
			names = append(names, row[0].Text)
		}
		return strings.Join(names, ", "), nil
	}
	lost, err := found(losers[db.Config.Dialect])
	if err != nil {
		return err
	}
	if lost != "" {
		return &RefusedError{"deleting its rows would delete or empty those of " + lost + ", whose foreign keys say so (ON DELETE)"}
	}
	set, err := found(triggers[db.Config.Dialect])
	if err != nil || set == "" {
		return err
	}
	plan.Hazards = append(plan.Hazards, "triggers run for every row: "+set)
	if plan.Class == sentinel.ClassAuto {
		plan.Class, plan.Why = sentinel.ClassApprove, "the table has triggers ("+set+"), and what they do is not taken back"
	}
	return nil
}
