package page

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
)

// query is a search as its address has it. The screen that it belongs to reads its own fields.
type query struct {
	path   string
	values url.Values // fields that are given
	From   time.Time  // the first instant of the first day; zero: any
	Until  time.Time  // the first instant after the last day; zero: any
}

// readSearch reads the fields of a screen's form, and the days and the place that all searches have.
func readSearch(path string, v url.Values, fields ...string) (q query, err error) {
	q = query{path: path, values: url.Values{}}
	for _, name := range append(fields, "from", "to", "after") {
		if text := strings.TrimSpace(v.Get(name)); text != "" {
			q.values.Set(name, text)
		}
	}
	if q.From, err = parseDay(q.Get("from")); err != nil {
		return q, err
	}
	last, err := parseDay(q.Get("to"))
	if !last.IsZero() {
		q.Until = last.AddDate(0, 0, 1)
	}
	return q, err
}

// knownAlone refuses a search by who has decided to those who have not signed in: the audit log, which says
// the same, is not for them either.
func (q query) knownAlone(r *http.Request) error {
	if q.Get("who") != "" && !access.Known(r.Context()) {
		return &failure{status: http.StatusForbidden, message: "Sign in to search by who has decided."}
	}
	return nil
}

// parseDay reads a day of a form, in UTC.
func parseDay(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return at, badRequest("Want a day such as 2026-11-27, and not " + text + ".")
	}
	return at, nil
}

// Get returns a field; "" if it is not given.
func (q query) Get(name string) string { return q.values.Get(name) }

// With returns the address of the search with one field changed; "" removes it. Another search
// begins at its first page.
func (q query) With(name, value string) string {
	v := url.Values{}
	for key := range q.values {
		if key != "after" {
			v.Set(key, q.Get(key))
		}
	}
	v.Set(name, value)
	if value == "" {
		v.Del(name)
	}
	if len(v) == 0 {
		return q.path
	}
	return q.path + "?" + v.Encode()
}

// Narrowed reports whether anything is asked for.
func (q query) Narrowed() bool {
	for key := range q.values {
		if key != "after" {
			return true
		}
	}
	return false
}

// statuses reads a list of states from a field.
func (q query) statuses(name string) (out []sentinel.Status) {
	for word := range strings.SplitSeq(q.Get(name), ",") {
		var s sentinel.Status
		if word != "" && s.UnmarshalText([]byte(word)) == nil {
			out = append(out, s)
		}
	}
	return out
}
