package dialecttest

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Network is a network between sessions and their server that a test can disturb.
type Network interface {
	// Disturb makes the network misbehave.
	Disturb(tb testing.TB)
	// Restore ends what Disturb began.
	Restore(tb testing.TB)
}

// BadNetwork runs statements over a network that misbehaves for a while. dsn leads
// through the network. fails says whether the statements must fail meanwhile. Every call
// must end in time, with an answer or with an error of the right class. The
// statements must succeed again afterwards, and the sessions must need little memory.
func BadNetwork(t *testing.T, dsn string, n Network, fails bool) {
	t.Helper()
	db, err := warehouse.Open(warehouse.Config{
		Name:             "w",
		DSN:              sentinel.NewSecret(dsn),
		Clock:            sentinel.ClockFunc(time.Now),
		StatementTimeout: 2 * time.Second,
		LockTimeout:      time.Second,
		MaxConnections:   2,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantAnswers(t, db, true)
	n.Disturb(t)
	start := time.Now()
	wantAnswers(t, db, !fails)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	n.Restore(t)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := tenStatements(t.Context(), db)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the network is restored: %v", err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	var memory runtime.MemStats
	if runtime.ReadMemStats(&memory); memory.HeapInuse > 200<<20 {
		t.Errorf("%d MB of heap", memory.HeapInuse>>20)
	}
}

// tenStatements sends ten statements and returns the first error.
func tenStatements(ctx context.Context, db *warehouse.DB) error {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	var statements []warehouse.Statement
	for i := range 10 {
		statements = append(statements, warehouse.Statement{SQL: fmt.Sprintf("SELECT %d", i)})
	}
	errs := make([]error, len(statements))
	db.Run(ctx, statements, func(i int, rows warehouse.Rows, err error) {
		if errs[i] = err; err == nil && rows[0][0].Text != fmt.Sprint(i) {
			errs[i] = fmt.Errorf("the answer to statement %d is %s", i, rows[0][0].Text)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func wantAnswers(t *testing.T, db *warehouse.DB, want bool) {
	t.Helper()
	err := tenStatements(t.Context(), db)
	if (err == nil) != want {
		t.Errorf("answered: %t, want %t: %v", err == nil, want, err)
	}
	if kind := warehouse.KindOf(err); err != nil && kind != warehouse.Unreachable && kind != warehouse.TimedOut {
		t.Errorf("class %q of %v", kind, err)
	}
}
