package notify_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// TestDatasetsAreNamedAsInTheConfiguration holds that silences, windows and routes read
// the names of tables by the same rules.
func TestDatasetsAreNamedAsInTheConfiguration(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	of := func(name string) sentinel.Incident {
		return sentinel.Incident{Table: sentinel.Table{Warehouse: "shop", Schema: "public", Name: name}}
	}
	for _, c := range []struct {
		pattern, table string
		want           bool
	}{
		{"shop.public.orders", "orders", true},
		{"shop.public.Orders", "orders", true},
		{"shop.orders", "orders", true},
		{`shop."public"."Orders"`, "orders", false},
		{`shop.public."a.b"`, "a.b", true},
		{`shop.public."a.b"`, "a", false},
		{`shop.public."100%"`, "100%", true},
		{`shop.public."100%"`, "100 days", false},
		{"shop.public.100%", "100 days", true},
		{`shop.public."a""b"`, `a"b`, true},
		{"shop.public.*", `a"b`, true},
		{"shop.*", "two words", true},
		{"shop.public.two words", "two words", true},
	} {
		silence := notify.Silence{Dataset: c.pattern, From: now.Add(-time.Hour), Until: now.Add(time.Hour), Who: "ann", Why: "x"}
		window := notify.Window{Times: notify.Times{From: "11:00", To: "13:00"}, Dataset: []string{"other.*", c.pattern}}
		route := notify.Route{Dataset: []string{"other.*", c.pattern}}
		for what, err := range map[string]error{
			"silence": silence.Validate(), "window": window.Validate(), "route": route.Validate(nil),
		} {
			if err != nil {
				t.Fatalf("%s %s: %v", what, c.pattern, err)
			}
		}
		_, quiet := notify.Quiet{Windows: []notify.Window{window}}.Suppressed(of(c.table), now)
		for what, got := range map[string]bool{
			"silence": silence.Suppresses(of(c.table), now), "window": quiet, "route": route.Matches(of(c.table)),
		} {
			if got != c.want {
				t.Errorf("a %s of %s is for %s: %v", what, c.pattern, of(c.table).Table, got)
			}
		}
	}
	const broken = `shop.public."orders`
	silence := notify.Silence{Dataset: broken, From: now, Until: now.Add(time.Hour), Who: "ann", Why: "x"}
	window := notify.Window{Times: notify.Times{From: "11:00", To: "13:00"}, Dataset: []string{broken}}
	route := notify.Route{Dataset: []string{broken}}
	for what, err := range map[string]error{
		"silence": silence.Validate(), "window": window.Validate(), "route": route.Validate(nil),
	} {
		if err == nil {
			t.Errorf("a %s of %s is not refused", what, broken)
		}
	}
}
