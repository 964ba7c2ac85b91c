package page_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel/web"
)

// A person who may not read is asked to sign in, gets in with a token alone, and comes to where
// they wanted to go. The audit log has the name.
func TestSignIn(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w *web.Server) {
		w.Access.Read = "token"
		w.Condition = condition{"The disk is full."}
	})
	p := s.open("/?x=1")
	text := value[string](p, "document.body.innerText")
	if strings.Contains(text, "disk") || !strings.Contains(text, "Sign in") {
		t.Errorf("before the login: %s", text)
	}
	send := func(name, token string) {
		p.do(chromedp.SetValue("#name", name), chromedp.SetValue("#token", token), chromedp.Click("main button"))
	}
	send("ann", "wrong")
	p.shows("No token and no user fits.")
	send("ann", "token-of-oncall")
	p.shows("Nothing is watched yet")
	if at := value[string](p, "location.search"); at != "?x=1" {
		t.Errorf("the login leads to %s", at)
	}
	text = value[string](p, "document.body.innerText")
	if !strings.Contains(text, "oncall for ann") || !strings.Contains(text, "disk") {
		t.Errorf("after the login: %s", text)
	}
	if cookie := value[string](p, "document.cookie"); cookie != "" {
		t.Errorf("scripts see the cookie %s", cookie)
	}
	p.do(chromedp.Click(".user summary"), chromedp.Click(".user button"))
	p.shows("Token or password")
	entries, err := s.store.Audit(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for _, e := range entries {
		log = append(log, e.Actor+" "+e.What)
	}
	if got := strings.Join(log, ", "); got != "oncall for ann logout, oncall for ann login, web login.refused" {
		t.Errorf("the audit log has %s", got)
	}
}
