package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A copy may take longer than the bound while it grows, and ends once it does not.
func TestACopyMayTakeLongWhileItGrows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const stalls = 400 * time.Millisecond
	ctx, stop := whileGrowing(t.Context(), path, stalls)
	defer stop()
	grow := time.NewTicker(stalls / 8)
	defer grow.Stop()
	for n := range 24 {
		<-grow.C
		if _, err := f.WriteString("a page"); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatalf("it ended after %d of 24 writes: %v", n, context.Cause(ctx))
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
		t.Fatal("it does not end although nothing is written")
	}
	if cause := context.Cause(ctx); !strings.Contains(cause.Error(), "does not grow any more") {
		t.Error(cause)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
