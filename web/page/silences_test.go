package page_test

import (
	"net/http"
	"strings"
	"testing"
)

// A person adds a silence, is refused one without bounds, and ends it. A viewer sees it.
func TestSilencesAreAddedAndEnded(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	p := s.as("ann", "token-of-oncall-1", "/silences")
	p.shows("Nothing is silenced")
	p.write("dataset", "*")
	p.write("why", "all of it")
	p.click("Silence")
	p.shows("it matches everything: if that is meant, say so with all")
	p.visit(s.url + "/silences")
	p.write("dataset", "shop.main.orders")
	p.write("span", "40d")
	p.write("why", "the loader is moved")
	p.click("Silence")
	p.shows("max_silence")
	p.visit(s.url + "/silences")
	p.write("dataset", "shop.main.orders")
	p.write("span", "90m")
	p.write("why", "the loader is moved")
	p.click("Silence")
	p.shows("1 silence is in force or to come")
	p.shows("matches 1 dataset")
	viewer := s.as("eve", "token-of-grafana", "/silences")
	viewer.shows("the loader is moved")
	if n := value[int](viewer, `document.querySelectorAll("main form, main button:not([disabled])").length`); n > 0 {
		t.Errorf("a viewer has %d forms and buttons", n)
	}
	p.click("End it…")
	p.write("why", "it is moved")
	p.click("End it now")
	p.shows("Nothing is silenced")
	log := s.log("silence.")
	if len(log) != 2 || !strings.HasPrefix(log[0], "oncall for ann silence.set") ||
		log[1] != "oncall for ann silence.end it is moved" {
		t.Errorf("the audit log has %q", log)
	}
	resp, err := http.PostForm(s.url+"/silences", map[string][]string{"dataset": {"shop.main.orders"}, "for": {"1h"}, "why": {"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close() != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a form without a session: %s", resp.Status)
	}
}
