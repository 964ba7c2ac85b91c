package page

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
)

//go:embed templates
var templateFiles embed.FS

// screen is one page. Its file adds it with addScreen in an init function.
type screen struct {
	path     string // a pattern of [http.ServeMux] without the method
	template string // a file in templates/ that defines "title" and "main"
	role     string // who may read it; "": whoever may read the site
	nav      string // its name in the navigation; "" if it is not there
	order    int    // its place in the navigation
	live     string // the kinds of news that change it, separated by blanks: see events.go
	show     func(s *Site, r *http.Request) (any, error)
}

// screens is filled by init functions alone.
var screens []screen

func addScreen(s screen) { screens = append(screens, s) }

// failure is an error with a status of HTTP, and a message for people.
type failure struct {
	status  int
	message string
	back    string // the path where what it is about is shown; "" for none
}

func (f *failure) Error() string { return f.message }

// notFound says that something is not there.
func notFound(message string) error { return &failure{status: http.StatusNotFound, message: message} }

// badRequest says what is wrong with a request.
func badRequest(message string) error {
	return &failure{status: http.StatusBadRequest, message: message}
}

// view is a screen's template with the layout around it.
type view struct{ whole *template.Template }

// parseViews parses every screen's template together with the layout and the components.
func parseViews(base string) map[string]view {
	common := template.Must(template.New("").Funcs(functions(base)).ParseFS(templateFiles, "templates/layout.html",
		"templates/part_*.html"))
	names := []string{"login.html", "message.html"}
	for _, s := range screens {
		names = append(names, s.template)
	}
	views := map[string]view{}
	for _, name := range names {
		if _, known := views[name]; !known {
			own := template.Must(common.Clone())
			views[name] = view{template.Must(own.ParseFS(templateFiles, "templates/"+name))}
		}
	}
	return views
}

// frame is what the layout shows around every screen.
type frame struct {
	Data      any
	Nav       []navItem
	Now       time.Time
	Version   string
	Problems  []string
	Live      string // the kinds of news that change the screen
	About     string // the datasets whose news change it, one a line; "": those of any
	Signed    string // who is signed in; "" if nobody is
	Next      string // the path to come back to after signing in
	FormToken string
	Can       map[string]bool // the roles whose actions are allowed
	Bad       int             // incidents that need a person
	Bare      bool            // nothing but Data is shown
}

type navItem struct {
	Name, Path string
	Current    bool
	Count      int
	Hot        bool
}

// about is the content of a screen that shows some datasets alone.
type about interface{ about() []string }

// screen answers with a screen.
func (s *Site) screen(sc screen) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := sc.show(s, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		f := s.frame(r, data)
		f.Live = sc.live
		if of, ok := data.(about); ok {
			f.About = strings.Join(of.about(), "\n")
		}
		s.write(w, r, http.StatusOK, sc.template, f)
	})
}

// bareFrame is the layout for whoever may not read: it tells nothing.
func (s *Site) bareFrame(data any) frame { return frame{Data: data, Now: s.Clock.Now(), Bare: true} }

// frame returns what the layout shows for a request of somebody who may read.
func (s *Site) frame(r *http.Request, data any) frame {
	need, repairs := s.Board.counts()
	f := frame{
		Data: data, Now: s.Clock.Now(), Version: s.Version, Problems: s.Problems(), Bad: need,
		FormToken: s.guard.FormTokenOf(r.Context()), Next: r.URL.RequestURI(),
		Can: map[string]bool{
			access.Viewer:   access.Allows(r.Context(), access.Viewer),
			access.Operator: access.Allows(r.Context(), access.Operator),
			access.Admin:    access.Allows(r.Context(), access.Admin),
		},
	}
	if access.Known(r.Context()) {
		f.Signed = cmp.Or(access.Actor(r.Context(), ""), access.SharedToken)
	}
	for _, sc := range screens {
		if sc.nav == "" {
			continue
		}
		item := navItem{Name: sc.nav, Path: strings.TrimSuffix(sc.path, "{$}")}
		item.Current = r.URL.Path == item.Path || item.Path != "/" && strings.HasPrefix(r.URL.Path, item.Path+"/")
		switch item.Path {
		case "/incidents":
			item.Count, item.Hot = need, true
		case "/repairs":
			item.Count = repairs
		}
		f.Nav = append(f.Nav, item)
	}
	order := func(path string) int {
		at := slices.IndexFunc(screens, func(sc screen) bool { return strings.TrimSuffix(sc.path, "{$}") == path })
		return screens[at].order
	}
	slices.SortFunc(f.Nav, func(a, b navItem) int { return order(a.Path) - order(b.Path) })
	return f
}

// write executes a template as a whole before it answers, so that no half page is ever sent.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	var body bytes.Buffer
	if err := s.views[name].whole.ExecuteTemplate(&body, "layout", f); err != nil {
		s.Log.Error("making a page", "path", r.URL.Path, "error", err)
		secure(w.Header())
		http.Error(w, "this page cannot be made; see the agent's log", http.StatusInternalServerError)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	s.send(w, r, status, body.Bytes())
}

// send writes a body, compressed if the client can read that.
func (s *Site) send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if len(body) > 1024 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var small bytes.Buffer
		z := gzip.NewWriter(&small)
		_, err := z.Write(body)
		if err = errors.Join(err, z.Close()); err == nil {
			w.Header().Set("Content-Encoding", "gzip")
			body = small.Bytes()
		}
	}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.Log.Debug("writing a page", "error", err)
	}
}

// message is the content of message.html.
type message struct {
	Title, Text string
	Login       bool   // a login would help
	Back        string // the path of what it is about; "" for none
}

// fail answers with an error as a page.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	m := message{Title: "This cannot be shown now", Text: "The agent's state cannot be read. Its log says why."}
	if f := (*failure)(nil); errors.As(err, &f) {
		status, m.Text, m.Back = f.status, f.message, f.back
		if status == http.StatusNotFound {
			m.Title = "Not found"
		} else {
			m.Title = "This cannot be done"
		}
	} else if r.Context().Err() == nil {
		s.Log.Error("making a page", "path", r.URL.Path, "error", err)
	}
	s.write(w, r, status, "message.html", s.frame(r, m))
}

// refuse answers a request that the guard has refused. Who is to sign in is led to the form.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, why access.Refusal) {
	if why.Login && r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" && r.URL.Path != "/events" {
		secure(w.Header())
		http.Redirect(w, r, s.Base+"/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	m := message{Title: "This needs more rights", Text: sentence(why.Message), Login: why.Login}
	s.write(w, r, why.Status, "message.html", s.bareFrame(m))
}

// sentence makes a message of the code a sentence for a page.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// ownPath returns a path of this site that a form has brought, and "/" for any other address. What
// is escaped stays so: a browser reads "//" and "/\" at the beginning as another site.
func ownPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") {
		return "/"
	}
	for _, form := range []string{text, u.Path} {
		if strings.HasPrefix(form, "//") || strings.ContainsAny(form, "\\\r\n\t") {
			return "/"
		}
	}
	clean := path.Clean(u.EscapedPath())
	if u.RawQuery != "" {
		clean += "?" + u.RawQuery
	}
	return clean
}

// datasetPath is the address of a dataset's screen.
func datasetPath(t sentinel.Table) string {
	schema := t.Schema
	if schema == "" {
		schema = "-"
	}
	return "/datasets/" + url.PathEscape(t.Warehouse) + "/" + url.PathEscape(schema) + "/" + url.PathEscape(t.Name)
}
