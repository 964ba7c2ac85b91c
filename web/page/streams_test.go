package page_test

import (
	"bufio"
	"net/http"
	"testing"
)

// TestOpenPagesAreBounded: 64 pages get news. A further one is told to come back, and all pages
// can still be loaded.
func TestOpenPagesAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for n := range 65 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n == 64 {
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Errorf("a further page: %s, %v", resp.Status, resp.Header)
			}
			break
		}
		if first, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("page %d: %s, %q, %v", n, resp.Status, first, err)
		}
	}
	if code, _, _ := s.get("/", nil); code != http.StatusOK {
		t.Errorf("the overview beside 64 open pages: %d", code)
	}
}
