package testenv

import (
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// CPU is the processor time this process has used.
func CPU(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Leaks begins to watch for goroutines that stay; the function it returns fails
// the test if one did. What toxiproxy leaves waiting at a link that was cut is
// not counted.
func Leaks(tb testing.TB) (verify func()) {
	before := goleak.IgnoreCurrent()
	return func() {
		tb.Helper()
		goleak.VerifyNone(tb, before,
			goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
			goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
	}
}
