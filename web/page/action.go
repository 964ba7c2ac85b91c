package page

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/sentinel-dq/sentinel/access"
)

// action is one thing that people do on a page: a form that is sent by POST. Its file adds it
// with addAction in an init function. The guard has checked who sends it, and that it comes
// from a form of this site: every form has the field of the template "form_token".
type action struct {
	path string // a pattern of [http.ServeMux] without the method
	role string // who may do it
	// do acts, and returns the path to go to. What it does must be in the audit log with
	// [request.Who]. A refusal is an error of [conflict] or [badRequest].
	do func(s *Site, r *request) (next string, err error)
}

// actions is filled by init functions alone.
var actions []action

func addAction(a action) { actions = append(actions, a) }

// request is a form that somebody has sent.
type request struct {
	*http.Request
	w http.ResponseWriter
}

// Who is the name for the audit log: that of the token or the user, and who they say to be.
func (r *request) Who() string { return cmp.Or(access.Actor(r.Context(), ""), access.SharedToken) }

// Field returns a field of the form without blanks around it.
func (r *request) Field(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }

// conflict says why what was asked for is not possible any more.
func conflict(err error) error {
	return &failure{status: http.StatusConflict, message: sentence(err.Error())}
}

// action answers a form. A browser goes on to the page of what has changed, and so does htmx,
// which follows by itself.
func (s *Site) action(a action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			s.fail(w, r, badRequest("This form cannot be read."))
			return
		}
		next, err := a.do(s, &request{r, w})
		if err != nil {
			s.fail(w, r, err)
			return
		}
		secure(w.Header())
		http.Redirect(w, r, s.Base+next, http.StatusSeeOther)
	})
}
