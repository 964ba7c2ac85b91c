package web_test

import (
	"io"
	"net/http"
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
	url := serve(t, sentinel.NewSecret("s3cret"), nil)
	post := func(path string, body io.Reader, length int64) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer s3cret")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error() // the server has closed the connection before the body was sent
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(said)
	}
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
		{"/api/v1/baselines", strings.NewReader(" " + fits), mb + 1, http.StatusConflict, ""},
		{"/api/v1/baselines", endless{}, 256*mb + 1, http.StatusRequestEntityTooLarge, "longer than 256 MB"},
	} {
		code, said := post(c.path, c.body, c.length)
		if code != 0 && (code != c.code || !strings.Contains(said, c.says)) || code == 0 && c.length <= mb {
			t.Errorf("%s with %d bytes: %d %s, want %d %s", c.path, c.length, code, said, c.code, c.says)
		}
	}
}
