package exporters_test

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
)

// underWay is a destination that says when an export has begun, and ends it when the test
// says so. Then it fails as a request does whose context has ended meanwhile.
type underWay struct {
	exporters.JSONL
	begun    chan struct{}
	released <-chan struct{} // nil: the context ends it
}

func (u *underWay) Export(ctx context.Context, _ []sentinel.Result) error {
	u.begun <- struct{}{}
	if u.released == nil {
		<-ctx.Done()
	} else {
		<-u.released
	}
	return ctx.Err()
}

func (*underWay) Close(context.Context) error { return nil }

// TestAStopEndsNoExport: the export that is under way at a stop or a reload, and those that
// wait, arrive within the limit of the queue. Past it they are reported as lost.
func TestAStopEndsNoExport(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	for name, c := range map[string]struct {
		released <-chan struct{}
		limit    time.Duration
		lost     int
	}{
		"it answers":    {release, 0, 0},
		"it never does": {nil, time.Millisecond, 3},
	} {
		dropped := 0
		to := &underWay{begun: make(chan struct{}, 3), released: c.released}
		q := &exporters.Queue{Exporter: to, Name: name, Last: c.limit, Observer: lost(func(_ string, n int, _ error) {
			dropped += n
		})}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); q.Run(ctx) }()
		for range 3 {
			if err := q.Export(t.Context(), []sentinel.Result{sample()}); err != nil {
				t.Fatal(err)
			}
		}
		<-to.begun
		stop()
		if c.released != nil {
			close(release)
		}
		<-done
		if dropped != c.lost {
			t.Errorf("%s: %d results are lost, want %d", name, dropped, c.lost)
		}
	}
}
