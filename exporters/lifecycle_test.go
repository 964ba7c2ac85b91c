package exporters_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/exporters"
)

// TestGaugesOfWhatIsRemovedEnd lets warehouses, channels and breakers come and go: only those
// that stay have gauges.
func TestGaugesOfWhatIsRemovedEnd(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	for n := range 50 {
		name := fmt.Sprint("n", n)
		for _, m := range []exporters.Metric{exporters.WarehouseUp, exporters.ClockSkew, exporters.ReplicationLag} {
			p.Set(m, 1, name)
		}
		p.Set(exporters.NotificationsOverdue, 1, name)
		p.Set(exporters.BreakerState, 2, name+" primary")
		stays := func(value string) bool { return strings.TrimSuffix(value, " primary") == name }
		p.KeepWarehouses(stays)
		p.KeepChannels(stays)
		p.KeepBreakers(stays)
		text := scrape(p)
		for _, label := range []string{`warehouse="n`, `channel="n`, `breaker="n`} {
			if got, here := strings.Count(text, label), strings.Count(text, label+fmt.Sprint(n)); got == 0 || got != here {
				t.Fatalf("after %s: %d series with %s, %d of them of it\n%s", name, got, label, here, text)
			}
		}
	}
}
