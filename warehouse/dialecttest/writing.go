package dialecttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// writing holds what a [warehouse.WriteDialect] promises of its sessions; a dialect
// that only reads has nothing to hold.
func (s suite) writing(t *testing.T) {
	d, ok := s.Dialect.(warehouse.WriteDialect)
	if !ok {
		return
	}
	b := s.open(t, warehouse.Config{})
	kind := s.Types.Plain
	if kind == "" {
		kind = s.Types.Zoned
	}
	b.exec("CREATE TABLE [w] ([n] " + s.Types.BigInt + ", [at] " + kind + ")")
	db, opened, classify, err := warehouse.OpenForWriting(warehouse.Config{
		Name: "w", Dialect: d.Name(), RepairDSN: sentinel.Secret(b.DSN()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if opened.Name() != d.Name() {
		t.Errorf("the repair DSN's dialect is %q, want %q", opened.Name(), d.Name())
	}
	at := time.Date(2026, 11, 1, 12, 30, 0, 0, time.FixedZone("east", 3600))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert := s.quoted(t, fmt.Sprintf("INSERT INTO [w] VALUES (%s, %s)", d.Param(1), d.Param(2)))
	if _, err := tx.Exec(insert, d.Bind([]any{int64(9007199254740993), at.UTC()})...); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	b.want("9007199254740993", "SELECT max([n]) FROM [w]")
	b.wantTime(at, "SELECT "+d.Epoch("max([at])")+" FROM [w]")
	_, err = db.ExecContext(t.Context(), s.quoted(t, "DELETE FROM [missing_table]"))
	if kind := warehouse.KindOf(classify(err)); kind != warehouse.MissingTable {
		t.Errorf("a missing table: %q of %v", kind, err)
	}
}
