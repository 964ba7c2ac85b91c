package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/sentinel-dq/sentinel/store"
)

// BenchmarkOutbox takes a thousand notices in and sends them in groups of a
// hundred, beside ten thousand that were sent before.
func BenchmarkOutbox(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "s.db"))
	round := 0
	send := func() {
		var items []store.OutboxItem
		for n := range 1000 {
			items = append(items, notice(fmt.Sprintf("i%d-%d", round, n), 1, "opened", fmt.Sprint("g", n/100)))
		}
		round++
		if err := s.Enqueue(b.Context(), items); err != nil {
			b.Fatal(err)
		}
		for range 10 {
			bundle, ok, err := s.ClaimOutbox(b.Context(), store.OutboxClaim{Channel: "chat", Now: at(2), Until: at(3)})
			if err != nil || !ok || len(bundle.Items) != 100 {
				b.Fatal(len(bundle.Items), ok, err)
			}
			if err := s.SentOutbox(b.Context(), bundle, "", at(2)); err != nil {
				b.Fatal(err)
			}
		}
	}
	for range 10 {
		send()
	}
	for b.Loop() {
		send()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(1000*b.N), "µs/notice")
}
