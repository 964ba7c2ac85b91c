package wait_test

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
)

func TestOnAScaledClock(t *testing.T) {
	t.Parallel()
	machine := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := sentinel.ScaledClock{
		Of:     sentinel.ClockFunc(func() time.Time { return machine }),
		Origin: machine.Add(-time.Second), Start: machine.Add(-24 * time.Hour), Rate: 60,
	}
	if want := machine.Add(time.Minute - 24*time.Hour); !c.Now().Equal(want) {
		t.Errorf("it shows %s, want %s", c.Now(), want)
	}
	if d := wait.On(c, time.Hour); d != time.Minute {
		t.Errorf("an hour of it takes %s", d)
	}
	if d := wait.On(sentinel.ClockFunc(time.Now), time.Hour); d != time.Hour {
		t.Errorf("an hour of the machine takes %s", d)
	}
}

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
