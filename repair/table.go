package repair

import (
	"context"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ReadTable reads everything the catalog says of one table.
func ReadTable(ctx context.Context, db *warehouse.DB, t sentinel.Table) (*warehouse.Table, error) {
	if db == nil {
		return nil, fmt.Errorf("warehouse %s is not configured", t.Warehouse)
	}
	name := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	if name.Schema == "" {
		c, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
		if err != nil {
			return nil, Transient(err)
		}
		name.Schema = c.DefaultSchema
	}
	c, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{name},
		Facts: warehouse.AllFacts &^ warehouse.Views})
	if err != nil {
		return nil, Transient(err)
	}
	if c.Standby {
		return nil, &RefusedError{Why: "the server is a standby"}
	}
	rel := c.Tables[name]
	if rel == nil {
		return nil, Refuse("%s does not exist", t)
	}
	return rel, nil
}

// Transient marks an error of a read-only session that may pass, and one that refuses the
// repair.
func Transient(err error) error {
	var engine *warehouse.Error
	switch {
	case !errors.As(err, &engine):
	case engine.Temporary():
		return &TransientError{Err: err}
	case engine.Kind == warehouse.HiddenRows:
		return hiddenRows(engine)
	}
	return err
}

// hiddenRows refuses a repair whose account sees a part of the rows.
func hiddenRows(err *warehouse.Error) error {
	return Refuse("row security hides rows of what it reads or changes: use an account that sees all of them: %v", err)
}

// Query runs a single statement on a read-only session.
func Query(ctx context.Context, db *warehouse.DB, st warehouse.Statement) (rows warehouse.Rows, err error) {
	db.Run(ctx, []warehouse.Statement{st}, func(_ int, r warehouse.Rows, e error) { rows, err = r, e })
	return rows, err
}
