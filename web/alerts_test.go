package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// The answer to a webhook says of each alert why it started no repair.
func TestAnswerToAlertsSaysWhyNothingWasPlanned(t *testing.T) {
	t.Parallel()
	url := serve(t, sentinel.NewSecret("s3cret"), nil) + "/api/v1/alerts"
	for body, want := range map[string]struct {
		status int
		text   string
	}{
		`{"version":"4","alerts":[{"status":"resolved","labels":{"alertname":"Stale"},"fingerprint":"f1"}]}`: {200,
			`"why":"it is resolved, not firing"`},
		`{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"Stale"},"startsAt":"2026-11-28T10:00:00Z"}]}`: {503,
			"repairs are off"},
		`{"version":"4","alerts":[{"status":"firing","startsAt":"noon"}]}`: {400, "want Alertmanager's webhook"},
		`{"version":"3","alerts":[]}`:                                      {400, "version 4"},
		`{"version":"4","alerts":[]}`:                                      {200, `"planned":0`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer s3cret")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want.status || !strings.Contains(string(text), want.text) {
			t.Errorf("%s: %d %s, %v", body, resp.StatusCode, text, err)
		}
	}
}
