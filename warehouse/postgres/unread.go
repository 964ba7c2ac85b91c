package postgres

import (
	"cmp"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// explain sets why texts of a table are unread, unless nobody asked for them.
func (r *reading) explain(t *warehouse.Table) {
	if r.definitions != nil && !r.definitions[t.TableName] {
		return
	}
	r.catalog.State = nil // the counters do not show when the lock is gone
	if t.ReadErr == nil {
		t.ReadErr = &warehouse.Error{
			Kind: warehouse.Transient,
			Err:  errors.New("reading the catalog: the table was changed or dropped meanwhile"),
		}
		if r.cause != nil {
			t.ReadErr = r.cause
		}
	}
}

// closedBy returns why a relation was not opened, from a row of the part closed.
func closedBy(c []warehouse.Cell) (error, error) {
	what := "holds an ACCESS EXCLUSIVE lock on "
	if c[1].Text != "true" {
		what = "waits for an ACCESS EXCLUSIVE lock on "
	}
	what = "process " + c[0].Text + " " + what + cmp.Or(c[3].Text, "it")
	since, err := warehouse.EpochTime(c[2])
	if err == nil && !since.IsZero() {
		what += ", by a statement of " + since.Format(time.DateTime) + " UTC"
	}
	return &warehouse.Error{Kind: warehouse.Locked, Err: errors.New(what)}, err
}

// text returns a text of a table. One that was not read is empty, and the facts that it
// belongs to are Unreadable.
func text(t *warehouse.Table, c warehouse.Cell, f warehouse.Facts) string {
	if c.Text == unread {
		t.Unreadable |= f
		return ""
	}
	return c.Text
}
