package web

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// The worst comes first, what another explains stands below it however deep,
// and nothing is left out, not even of a damaged state.
func TestPageArrangesIncidents(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	i := func(id, upstream string, severity sentinel.Status) sentinel.Incident {
		return sentinel.Incident{ID: id, Upstream: upstream, Severity: severity, Opened: at}
	}
	var got []string
	for _, s := range arrange([]sentinel.Incident{
		i("warned", "", sentinel.Warn),
		i("report", "orders", sentinel.Fail),
		i("orders", "raw", sentinel.Warn),
		i("raw", "", sentinel.Fail),
		i("gone", "resolved-one", sentinel.Fail),
		i("round", "trip", sentinel.Warn),
		i("trip", "round", sentinel.Warn),
	}) {
		got = append(got, strings.Repeat(">", map[bool]int{true: 1}[s.Below])+s.ID)
	}
	if want := "raw >orders >report gone warned round >trip"; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}
