package reload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A reload deletes rows and inserts them again. These ask an engine for what
// would notice: tables that lose rows with them, and triggers of the table.
var (
	losers = map[string]string{
		"postgres": `SELECT DISTINCT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') AND confrelid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) ORDER BY 1`,
		// An account that may only read sees the reference, and not its rule.
		"mysql": `SELECT DISTINCT k.table_name FROM information_schema.key_column_usage k LEFT JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.referenced_table_schema = ? AND k.referenced_table_name = ? AND coalesce(r.delete_rule, 'CASCADE') IN ('CASCADE', 'SET NULL', 'SET DEFAULT') ORDER BY 1`,
	}
	triggers = map[string]string{
		"postgres": `SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgrelid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) ORDER BY 1`,
		"mysql":    `SELECT trigger_name FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ? AND event_manipulation <> 'UPDATE' ORDER BY 1`,
		"sqlite":   `SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?2 AND ?1 <> '' ORDER BY 1`,
	}
)

// powers asks MySQL what the account may do: an account that lacks TRIGGER is
// shown no triggers, and one that may read a single table not who refers to it.
// PostgreSQL and SQLite show these to everybody.
const powers = `SELECT DISTINCT p.privilege FROM (SELECT CONVERT(? USING utf8) AS s, CONVERT(? USING utf8) AS t) q JOIN (
SELECT grantee, '%' AS s, '%' AS t, privilege_type AS privilege FROM information_schema.user_privileges
UNION ALL SELECT grantee, table_schema, '%', privilege_type FROM information_schema.schema_privileges
UNION ALL SELECT grantee, table_schema, table_name, privilege_type FROM information_schema.table_privileges WHERE privilege_type = 'TRIGGER') p
ON q.s LIKE p.s AND (p.t = '%' OR q.t = p.t) WHERE p.grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') AND p.privilege IN ('SELECT', 'TRIGGER')`

// bystanders refuses a reload that would delete rows of other tables (SQLite's
// writer does not enforce foreign keys, and so deletes none), and leaves one
// that sets triggers off, or that may, to a person.
func bystanders(ctx context.Context, db *warehouse.DB, here *warehouse.Table, noTriggers bool, plan *sentinel.Plan) error {
	found := func(query string) ([]string, error) {
		if query == "" {
			return nil, nil
		}
		rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: query, Args: []any{here.Schema, here.Name}})
		if err != nil {
			return nil, repair.Transient(fmt.Errorf("looking for what depends on the rows: %w", err))
		}
		var names []string
		for _, row := range rows {
			names = append(names, row[0].Text)
		}
		return names, nil
	}
	ask := func(why string) {
		if plan.Class == sentinel.ClassAuto {
			plan.Class, plan.Why = sentinel.ClassApprove, why
		}
	}
	lost, err := found(losers[db.Config.Dialect])
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return &repair.RefusedError{Why: "deleting its rows would delete or empty those of " + strings.Join(lost, ", ") + ", whose foreign keys say so (ON DELETE), or do not tell this account what they say"}
	}
	set, err := found(triggers[db.Config.Dialect])
	if err != nil {
		return err
	}
	if len(set) > 0 {
		plan.Hazards = append(plan.Hazards, "triggers run for every row: "+strings.Join(set, ", "))
		ask("the table has triggers (" + strings.Join(set, ", ") + "), and what they do is not taken back")
	}
	if db.Config.Dialect != "mysql" {
		return nil
	}
	may, err := found(powers)
	if err != nil {
		return err
	}
	if !slices.Contains(may, "SELECT") {
		ask("the reading account may not see which tables refer to this one: GRANT SELECT ON the whole schema, or approve")
	}
	if !slices.Contains(may, "TRIGGER") && !noTriggers {
		ask("the reading account may not see whether the table has triggers: say no_triggers where it has none, GRANT TRIGGER, or approve")
	}
	return nil
}
