package page

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addAction(action{path: "/logout", role: access.Viewer, do: logout})
}

// loginData is the content of login.html.
type loginData struct {
	Next, Name, Wrong string
	Again             bool // the browser is to ask once more
}

// loginForm shows the form. A link from another site, such as a chat, brings no cookie although
// somebody is signed in: the browser then asks once more, from here.
func (s *Site) loginForm(w http.ResponseWriter, r *http.Request) {
	d := loginData{Next: ownPath(r.FormValue("next"))}
	d.Again = r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.FormValue("again") == ""
	s.write(w, r, http.StatusOK, "login.html", s.bareFrame(d))
}

// login opens a session. It needs no token of a form: a session that another site could open
// would be one of its own token, and browsers say where a form comes from.
func (s *Site) login(w http.ResponseWriter, r *http.Request) {
	d := loginData{Next: ownPath(r.PostFormValue("next")), Name: r.PostFormValue("name")}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		d.Wrong = "This form comes from another site."
		s.write(w, r, http.StatusForbidden, "login.html", s.bareFrame(d))
		return
	}
	actor, err := s.guard.Login(w, r, d.Name, r.PostFormValue("token"))
	if err != nil {
		status := http.StatusUnauthorized
		if errors.Is(err, access.ErrWait) {
			status = http.StatusTooManyRequests
		}
		d.Wrong = sentence(err.Error())
		s.write(w, r, status, "login.html", s.bareFrame(d))
		return
	}
	s.note(r, cmp.Or(actor, access.SharedToken), "login")
	secure(w.Header())
	http.Redirect(w, r, s.Base+d.Next, http.StatusSeeOther)
}

// logout ends the session.
func logout(s *Site, r *request) (string, error) {
	s.guard.Logout(r.w, r.Request)
	s.note(r.Request, r.Who(), "logout")
	return "/", nil
}

// note writes to the audit log that somebody has signed in or out, also when the browser has
// hung up. Nobody is kept out because the state cannot be written.
func (s *Site) note(r *http.Request, who, what string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), noteTime)
	defer cancel()
	if err := s.Store.AppendAudit(ctx, store.AuditEntry{At: s.Clock.Now(), Actor: who, What: what}); err != nil {
		s.Log.Error("a login is not in the audit log", "what", what, "error", err)
	}
}

// noteTime bounds the writing of an entry.
const noteTime = 5 * time.Second
