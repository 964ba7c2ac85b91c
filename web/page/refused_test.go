package page_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/web"
)

// refusing is an agent that answers with an error when a schema is to be accepted.
type refusing struct {
	*agent.Agent
	err error
}

func (r refusing) AcceptSchema(context.Context, agent.SchemaAcceptance) ([]string, error) {
	return nil, r.err
}

// A person is told what was done of what they asked for. The problems of the agent are named only
// where they are the reason.
func TestAnErrorSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	const problem = "The disk is full."
	for _, c := range []struct {
		err         error
		status      int
		says, never string
	}{
		{agent.ErrSchemaMoved, http.StatusConflict, "The schema has changed again", problem},
		{errors.New("who: name the person"), http.StatusConflict, "Who: name the person", problem},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, problem, "is accepted"},
		{fmt.Errorf("%w: %w", agent.ErrNotRepeated, context.DeadlineExceeded), http.StatusServiceUnavailable,
			"The schema is accepted, but its checks could not run again", "Nothing was done"},
	} {
		s := serve(t, func(w *web.Server) {
			w.Agent = refusing{agent.New(agent.Config{}), c.err}
			w.Condition = condition{problem}
		})
		s.record(batchOf(incident(table(1), "a column is new")))
		status, body := s.post("/incidents/i-table_00001/accept", url.Values{"why": {"release 42"}})
		_, said, _ := strings.Cut(body, `<p class="pad">`)
		if status != c.status || !strings.Contains(said, c.says) || strings.Contains(said, c.never) {
			t.Errorf("%v: %d, want %d with %q and without %q:\n%s", c.err, status, c.status, c.says, c.never, said)
		}
	}
}

// post sends a form as a program with the token of an operator does.
func (s *site) post(path string, form url.Values) (status int, body string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token-of-oncall")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
