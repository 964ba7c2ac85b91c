package alter

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// inspection is what an ALTER may run that is not the server's own.
type inspection struct {
	own    []string // types that somebody made
	runs   []string // functions of accounts that are no superusers
	digest string   // of the definitions of both
}

// inspect finds what the change may run. It spells the type of want as the statement
// has to. Engines without such code answer with nothing.
func inspect(
	ctx context.Context, t *repair.Target, kind sentinel.DriftKind, target *warehouse.Table, want *warehouse.Column,
) (found inspection, err error) {
	inspector, ok := t.Read.Dialect.(warehouse.AlterInspector)
	if !ok {
		return found, nil
	}
	table, err := warehouse.QuoteTable(t.Read.Dialect, target.TableName)
	if err != nil {
		return found, err
	}
	typeName, changed := inspectArgs(kind, want.Name, want.Type.Native)
	rows, err := repair.Query(ctx, t.Read, warehouse.Statement{
		SQL: inspector.InspectAlter(), Args: []any{table, typeName, changed},
	})
	if err != nil {
		return found, repair.Transient(err)
	}
	name := ""
	for _, r := range rows {
		if r[0].Text == "name" {
			name = r[1].Text
			continue
		}
		found.add(r[0].Text, r[1].Text)
	}
	if typeName == "" {
		return found, nil
	}
	if name == "" {
		return found, repair.Refuse("type %q is not the server's own, and not found in the schemas that are searched",
			typeName)
	}
	if name != typeName && strings.Contains(typeName, "(") {
		return found, repair.Refuse("type %q is %s, whose numbers are not known", typeName, name)
	}
	want.Type.Native = name
	return found, nil
}

// inspectArgs are the arguments of [warehouse.AlterInspector.InspectAlter] beside the
// table.
func inspectArgs(kind sentinel.DriftKind, column, native string) (typeName, changed string) {
	switch kind {
	case sentinel.ColumnAdded:
		return native, ""
	case sentinel.TypeWidened:
		return native, column
	}
	return "", ""
}

func (i *inspection) add(kind, text string) {
	switch kind {
	case "own":
		i.own = append(i.own, text)
	case "runs":
		i.runs = append(i.runs, text)
	case "digest":
		i.digest = text
	}
}

// code is the same for two inspections that found the same.
func (i *inspection) code() string {
	return strings.TrimSpace(strings.Join(i.runs, "; ") + " " + i.digest)
}

// judge leaves a change to a person that may run what is not the server's own.
func (i *inspection) judge(plan *sentinel.Plan) {
	var why []string
	if len(i.own) > 0 {
		why = append(why, "the type is not the server's own: "+strings.Join(i.own, "; "))
	}
	if len(i.runs) > 0 {
		why = append(why, "it may run as the account of repairs: "+strings.Join(i.runs, "; "))
	}
	if len(why) == 0 {
		return
	}
	if plan.Why != "" {
		why = append(why, plan.Why)
	}
	plan.Class, plan.Why = sentinel.ClassApprove, sentinel.Clip(strings.Join(why, ". "))
}

// checkCode refuses a change that may run something else than when it was planned. From
// then on the transaction finds the server's own types, functions and operators alone,
// unless a name has a schema.
func checkCode(ctx context.Context, tx *sql.Tx, run *repair.Run, change alteration) (err error) {
	writer := run.Target.Write
	inspector, ok := writer.Dialect.(warehouse.AlterInspector)
	if !ok {
		return nil
	}
	if _, err := tx.ExecContext(ctx, inspector.OwnNames()); err != nil {
		return err
	}
	table, err := writer.Name(warehouse.TableName{Schema: run.Repair.Table.Schema, Name: run.Repair.Table.Name})
	if err != nil {
		return err
	}
	typeName, changed := inspectArgs(change.Kind, change.Column, change.Type)
	rows, err := tx.QueryContext(ctx, inspector.InspectAlter(), table, typeName, changed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var now inspection
	for rows.Next() {
		var kind, text string
		if err := rows.Scan(&kind, &text); err != nil {
			return err
		}
		now.add(kind, text)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if now.code() != change.Code {
		return &repair.ChangedError{What: "it would run other code now"}
	}
	return nil
}
