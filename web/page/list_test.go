package page_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
)

// Somebody finds one dataset among many by typing, narrows the list, goes on to the next page,
// and each of these is in the address.
func TestFindADataset(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(1000)
	p := s.open("/datasets")
	p.shows("1 to 100 of 1,000")
	if first := value[string](p, `document.querySelector("a.name").innerText`); first != "table_00007" &&
		first[:8] != "table_00" {
		t.Errorf("the first row is %s", first)
	}
	if status := value[string](p, `document.querySelector("tbody .ic svg").getAttribute("aria-label")`); status != "Failing" {
		t.Errorf("the first row is %s", status)
	}
	p.do(chromedp.SendKeys("#q", "00123 team"))
	p.until(`document.querySelectorAll("a.name").length === 1 && location.search.includes("q=00123")`)
	p.do(chromedp.Click("a.name"))
	p.until(`document.querySelector("h1 .any")?.innerText === "table_00123"`)
	p.do(chromedp.NavigateBack())
	p.until(`document.querySelectorAll("a.name").length === 1`)
	p.visit(s.url + "/datasets?sort=name")
	p.do(chromedp.Click(`#list footer a`))
	p.shows("101 to 200 of 1,000")
	p.visit(s.url + "/datasets")
	p.do(chromedp.Click(`.pill[href*="fail"]`))
	p.until(`document.querySelectorAll("a.name").length === 10 && location.search === "?state=fail"`)
}

// News of a result change the page without a reload, and keep what somebody is typing.
func TestNewsChangeThePage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(20)
	p := s.open("/")
	p.shows("1 incident needs you")
	p.do(chromedp.SetValue("#find", "half a word"))
	i := incident(table(3), "0 rows for 2026-11-27")
	s.board.Judged(batchOf(i))
	p.shows("2 incidents need you")
	if text := value[string](p, `document.querySelector("#find").value`); text != "half a word" {
		t.Errorf("the field has %q", text)
	}
	if count := value[string](p, `document.querySelector("#live").innerText`); count != "live" {
		t.Errorf("the page says %q", count)
	}
}

// On a phone no page is wider than the screen.
func TestPagesFitAPhone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(200)
	s.past(table(7))
	p := s.open("/")
	p.do(chromedp.EmulateViewport(360, 740))
	for _, path := range []string{"/", "/datasets", "/datasets/shop/schema_07/table_00007", "/lineage", "/login", "/datasets/a/b/c",
		"/incidents", "/incidents/i-table_00007", "/history", "/history/repairs", "/history/report", "/silences"} {
		p.visit(s.url + path)
		if over := value[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
			t.Errorf("%s is %d px too wide", path, over)
		}
	}
}

// A program reads all results in parts, and those that do not pass.
func TestResultsInParts(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(1200)
	seen := map[string]bool{}
	for after, parts := "", 0; ; parts++ {
		status, body, _ := s.get("/api/v1/results?after="+url.QueryEscape(after), nil)
		var part []sentinel.Result
		if err := json.Unmarshal([]byte(body), &part); err != nil || status != http.StatusOK || parts > 5 {
			t.Fatalf("part %d: %d, %v", parts, status, err)
		}
		if len(part) == 0 {
			break
		}
		for _, r := range part {
			seen[r.Check] = true
			after = r.Table.String()
		}
	}
	if len(seen) != 2400 {
		t.Errorf("%d results, want 2400", len(seen))
	}
	_, body, _ := s.get("/api/v1/results?state=fail,error", nil)
	var bad []sentinel.Result
	if err := json.Unmarshal([]byte(body), &bad); err != nil || len(bad) != 12 {
		t.Errorf("%d results do not pass, %v, want 12", len(bad), err)
	}
}
