package page_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

// The address to go to after the login is one of this site, with its escaped characters.
func TestTheLoginLeadsToThisSiteAlone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	field := regexp.MustCompile(`name="next" value="([^"]*)"`)
	for next, want := range map[string]string{
		"/%5ce":                           "/",
		"/%5Cevil.example":                "/",
		"/%2f%2fe":                        "/",
		"/%2fe":                           "/",
		"/%09/e":                          "/",
		"//e":                             "/",
		`/\e`:                             "/",
		"https://e":                       "/",
		"javascript:alert(1)":             "/",
		"":                                "/",
		"/datasets/../..//e":              "/e",
		"/datasets/w/s/a%3Fb?days=7":      "/datasets/w/s/a%3Fb?days=7",
		"/datasets/w/s/a%2Fb":             "/datasets/w/s/a%2Fb",
		"/datasets/w/s/stra%C3%9Fe%20%25": "/datasets/w/s/stra%C3%9Fe%20%25",
	} {
		status, body, _ := s.get("/login?next="+url.QueryEscape(next), nil)
		found := field.FindStringSubmatch(body)
		if status != http.StatusOK || found == nil {
			t.Fatalf("%d: %s", status, body)
		}
		if got := html.UnescapeString(found[1]); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}
