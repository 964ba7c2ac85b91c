package hooks

import (
	"context"
	"database/sql"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("sql", func() repair.Action { return &SQL{} }) }

// WritesToWarehouse implements repair.WarehouseWriter.
func (*SQL) WritesToWarehouse() {}

// SQL runs statements on repair_dsn, in one transaction with the fence and the ledger.
// The statements are the user's own. No values are put into them.
type SQL struct {
	Do   []string `yaml:"do" required:"true" doc:"Statements, run in one transaction."`
	Undo []string `yaml:"undo" doc:"Statements that undo them."`
}

// Validate implements Action.
func (s *SQL) Validate() error {
	if len(s.Do) == 0 {
		return settings.Wrong("do", "want at least one statement")
	}
	return nil
}

// Plan implements Action.
func (s *SQL) Plan(_ context.Context, _ *repair.Target, trigger repair.Trigger) (sentinel.Plan, error) {
	i := trigger.Incident
	step := sentinel.Step{Name: "run", Do: s.Do, Undo: s.Undo}
	if len(s.Undo) == 0 {
		step.NoUndo = "no undo is configured"
	}
	return sentinel.Plan{
		Action: "sql", Table: i.Table, Finding: i.Key, Scope: i.Key, Summary: "run: " + s.Do[0],
		Steps: []sentinel.Step{step},
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce, Rows: -1,
	}, nil
}

// Stage implements Action.
func (s *SQL) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action. It runs the plan's statements, which may be older than the
// configuration's.
func (s *SQL) Apply(ctx context.Context, run *repair.Run) error {
	run.Failpoint("before_apply")
	return s.run(ctx, run, "apply", run.Repair.Plan.Steps[0].Do)
}

// Rollback implements Action.
func (s *SQL) Rollback(ctx context.Context, run *repair.Run) error {
	step := run.Repair.Plan.Steps[0]
	if len(step.Undo) == 0 {
		return &repair.RefusedError{Why: step.NoUndo}
	}
	return s.run(ctx, run, "rollback", step.Undo)
}

func (s *SQL) run(ctx context.Context, run *repair.Run, step string, statements []string) error {
	if run.Target.Write == nil {
		return &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + run.Repair.Table.Warehouse}
	}
	_, err := run.Target.Write.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
		for _, st := range statements {
			res, err := tx.ExecContext(ctx, st)
			if err != nil {
				return rows, err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return rows, err
			}
			rows += n
		}
		return rows, nil
	})
	return err
}
