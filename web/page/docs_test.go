package page_test

import (
	"html"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/docs"
)

// Every page of the documentation is served, with its headings and tables, and so are its pictures.
func TestDocsAreServed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	pages, err := docs.Pages()
	if err != nil || len(pages) < 80 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	_, list, _ := s.get("/docs", nil)
	picture := regexp.MustCompile(`<img src="([^"]+)"`)
	link := regexp.MustCompile(`<a href="([^"#]+)[^"]*"`)
	linked := map[string]bool{}
	for _, p := range pages {
		status, body, _ := s.get("/docs/"+p.Path, nil)
		if status != 200 || !strings.Contains(body, "<h1 id=") {
			t.Errorf("%s: %d", p.Path, status)
		}
		if !strings.Contains(list, `href="/docs/`+p.Path+`"`) {
			t.Errorf("%s is not in the list", p.Path)
		}
		_, article, _ := strings.Cut(body, "<article")
		for _, m := range link.FindAllStringSubmatch(article, -1) {
			if to := html.UnescapeString(m[1]); !strings.Contains(to, ":") && to != "/" {
				linked[path.Join("/docs", path.Dir(p.Path), to)] = true
			}
		}
		for _, m := range picture.FindAllStringSubmatch(body, -1) {
			if status, _, _ := s.get("/docs/"+m[1], nil); status != 200 {
				t.Errorf("%s: the picture %s: %d", p.Path, m[1], status)
			}
		}
	}
	for to := range linked {
		if status, _, _ := s.get(to, nil); status != 200 {
			t.Errorf("a page leads to %s: %d", to, status)
		}
	}
	for at, want := range map[string]int{"/docs/store": 200, "/docs/nowhere.md": 404, "/docs/plots/x.svg": 404} {
		if status, _, _ := s.get(at, nil); status != want {
			t.Errorf("%s: %d, want %d", at, status, want)
		}
	}
	_, found, _ := s.get("/docs?q=sentinel_store_rolled_back_seconds", nil)
	if !strings.Contains(found, "store.md") || strings.Contains(found, "slack.md") {
		t.Error("a search does not find the page")
	}
}
