package wait_test

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/internal/wait"
)

func TestWaitsEnd(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	woken := make(chan struct{}, 1)
	woken <- struct{}{}
	for name, c := range map[string]struct {
		ctx  context.Context
		d    time.Duration
		wake <-chan struct{}
		want bool
	}{
		"the time is over":             {t.Context(), time.Millisecond, nil, true},
		"no time":                      {t.Context(), -time.Second, nil, true},
		"woken":                        {t.Context(), time.Hour, woken, true},
		"the context has ended":        {ended, time.Hour, nil, false},
		"ended when the time was over": {ended, 0, nil, false},
	} {
		if got := wait.Wake(c.ctx, c.d, c.wake); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
