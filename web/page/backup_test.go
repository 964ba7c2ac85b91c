package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// backedUp is the condition of an agent with backups of its state.
type backedUp struct {
	condition
	kept page.Backups
}

func (b backedUp) Backups() (page.Backups, bool) { return b.kept, true }

// TestTheAgeOfTheNewestBackup: the overview says how old the newest backup is, and counts one
// that is late by an hour among what needs a look.
func TestTheAgeOfTheNewestBackup(t *testing.T) {
	t.Parallel()
	if _, body, _ := serve(t).get("/", nil); strings.Contains(body, "Newest backup") {
		t.Error("no backups are configured")
	}
	for name, c := range map[string]struct {
		kept       page.Backups
		says, away string
	}{
		"young": {page.Backups{Newest: noon.Add(-3 * time.Hour), Due: noon.Add(21 * time.Hour)}, ">3h ago<", "parts work"},
		"due":   {page.Backups{Newest: noon.Add(-25 * time.Hour), Due: noon.Add(-time.Hour)}, ">1d 1h ago<", "parts work"},
		"late": {page.Backups{Newest: noon.Add(-26 * time.Hour), Due: noon.Add(-time.Hour - time.Second)}, ">1d 2h ago<",
			"1 of 2 parts need a look"},
		"none": {page.Backups{}, ">none yet<", "parts work"},
	} {
		_, body, _ := serve(t, func(s *web.Server) { s.Condition = backedUp{kept: c.kept} }).get("/", nil)
		_, after, found := strings.Cut(body, "Newest backup</span>")
		after, _, _ = strings.Cut(after, "</li>")
		if !found || !strings.Contains(after, c.says) || !strings.Contains(body, c.away) {
			t.Errorf("%s: %q, want %q and %q", name, after, c.says, c.away)
		}
	}
}
