package page_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/web"
)

// The configuration of a dataset is for whoever is signed in. Where nobody can, and only this
// machine reaches the agent, it is for all.
func TestTheConfigurationIsForWhoeverIsKnown(t *testing.T) {
	t.Parallel()
	const text = "where: salary > 1000"
	dataset := "/datasets/shop/schema_00/table_00000"
	for _, c := range []struct {
		name    string
		nobody  bool
		bearer  string
		visible bool
	}{
		{"anybody", false, "", false},
		{"a viewer", false, "token-of-grafana", true},
		{"anybody without tokens", true, "", true},
	} {
		s := serve(t, func(w *web.Server) {
			w.Configuration = entry(text)
			if c.nobody {
				w.Access = access.Access{}
			}
		})
		s.fill(1)
		header := http.Header{}
		if c.bearer != "" {
			header.Set("Authorization", "Bearer "+c.bearer)
		}
		status, body, _ := s.get(dataset, header)
		if status != http.StatusOK || strings.Contains(body, "<pre>where: salary") != c.visible ||
			strings.Contains(body, "sign in to see it") == c.visible {
			t.Errorf("%s: %d, want the entry %t:\n%s", c.name, status, c.visible, body)
		}
	}
}
