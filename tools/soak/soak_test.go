package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

func TestMain(m *testing.M) {
	scaled.Child()
	os.Exit(testenv.Main(m))
}

// TestSoak soaks for a short time: four days of ticks. The state and the windows of service
// levels, of two days each, still fill up meanwhile, so more growth is allowed than in an hour.
func TestSoak(t *testing.T) {
	var out strings.Builder
	o := options{length: time.Minute, of: 4 * 24 * time.Hour, samples: 24, growth: 0.3, out: &out,
		postgres: testenv.Postgres(t), mysql: testenv.MySQL(t)}
	flat, err := o.run(t.Context(), t.TempDir())
	if t.Log(out.String()); err != nil || !flat {
		t.Errorf("flat = %t, %v", flat, err)
	}
}
