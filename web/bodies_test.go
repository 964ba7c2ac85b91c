package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestBodiesAreBounded: a body that is too long is refused, whether it says its length or not.
// The schemas of a large warehouse may be longer than all others.
func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	h := newServer(t, sentinel.NewSecret("s3cret"), nil).Handler()
	const mb = 1 << 20
	fits := strings.Repeat(" ", mb-2) + "{}"
	for _, c := range []struct {
		path   string
		body   io.Reader
		length int64
		code   int
		says   string
	}{
		{"/api/v1/labels", strings.NewReader(fits), mb, http.StatusConflict, ""},
		{"/api/v1/labels", strings.NewReader(" " + fits), mb + 1, http.StatusRequestEntityTooLarge, "longer than 1 MB"},
		{"/api/v1/labels", io.LimitReader(endless{}, 4*mb), -1, http.StatusBadRequest, "too large"},
		{"/api/v1/baselines", strings.NewReader(" " + fits), mb + 1, http.StatusOK, "done"},
		{"/api/v1/baselines", endless{}, 256*mb + 1, http.StatusRequestEntityTooLarge, "longer than 256 MB"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:9780"+c.path, c.body)
		r.ContentLength = c.length
		r.Header.Set("Authorization", "Bearer s3cret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if said := w.Body.String(); w.Code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s with %d bytes: %d %s, want %d %s", c.path, c.length, w.Code, said, c.code, c.says)
		}
	}
}
