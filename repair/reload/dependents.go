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

// checkDependents refuses a reload that would delete rows of other tables, and leaves
// one that sets triggers off, or that may, to a person.
func checkDependents(
	ctx context.Context, db *warehouse.DB, target *warehouse.Table, noTriggers bool, plan *sentinel.Plan,
) error {
	dialect, err := repair.WriteDialect(db)
	if err != nil {
		return err
	}
	queries := dialect.DependentQueries()
	found := func(query string) ([]string, error) {
		if query == "" {
			return nil, nil
		}
		rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: query, Args: []any{target.Schema, target.Name}})
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
	cascadingTables, err := found(queries.Cascading)
	if err != nil {
		return err
	}
	if len(cascadingTables) > 0 {
		return &repair.RefusedError{Why: "deleting its rows would delete or empty those of " +
			strings.Join(cascadingTables, ", ") + ", whose foreign keys say so (ON DELETE), or do not tell this " +
			"account what they say"}
	}
	triggers, err := found(queries.Triggers)
	if err != nil {
		return err
	}
	if len(triggers) > 0 {
		plan.Hazards = append(plan.Hazards, "triggers run for every row: "+strings.Join(triggers, ", "))
		ask("the table has triggers (" + strings.Join(triggers, ", ") + "), and what they do is not taken back")
	}
	if queries.Grants == "" {
		return nil
	}
	grants, err := found(queries.Grants)
	if err != nil {
		return err
	}
	if !slices.Contains(grants, "SELECT") {
		ask("the reading account may not see which tables refer to this one: GRANT SELECT ON the whole schema, " +
			"or approve")
	}
	if !slices.Contains(grants, "TRIGGER") && !noTriggers {
		ask("the reading account may not see whether the table has triggers: say no_triggers where it has none, " +
			"GRANT TRIGGER, or approve")
	}
	return nil
}
