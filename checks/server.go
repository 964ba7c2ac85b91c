package checks

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Server is the server that answered the questions of a target.
type Server struct {
	Place   string        // "standby 1", ...; "" for the server of `dsn`
	Standby bool          // the server is a read-only replica
	Lag     warehouse.Lag // replication lag of a standby
}

// servers returns the servers that answered about the dataset and the other one.
func (t Target) servers() []Server {
	if t.Known.LikeServer == nil {
		return []Server{t.Known.Server}
	}
	return []Server{t.Known.Server, *t.Known.LikeServer}
}

// server returns the server that answered: the one whose catalog was read, unless the
// connection failed over since.
func (e *executor) server(t Target) Server {
	if e.db == nil || t.Known.Catalog == nil {
		return Server{}
	}
	s := Server{Place: e.db.Server(), Standby: t.Known.Catalog.Standby, Lag: t.Known.Catalog.Lag}
	if s.Place != e.place {
		s.Standby = true
		s.Lag = warehouse.Lag{Unknown: "the server changed while the checks ran"}
	}
	return s
}

// text describes the server in a result; "" if the server has everything.
func (s Server) text() string {
	name := s.Place
	switch {
	case name == "" && (!s.Standby || s.Lag.Small()):
		return ""
	case name == "":
		name = "a standby"
	}
	switch {
	case !s.Standby || s.Lag.Small():
		return "taken on " + name
	case s.Lag.Unknown != "":
		return "taken on " + name + ", nobody knows how far behind: " + oneLine(s.Lag.Unknown)
	}
	return fmt.Sprintf("taken on %s, %s behind", name, humanDuration(s.Lag.Behind))
}

// lagKnown reports whether it is known what the server does not have. A replica
// that is `dsn` itself and does not report its lag is trusted: otherwise its checks
// could never find anything.
func (s Server) lagKnown() bool { return s.Place == "" || !s.Standby || s.Lag.Unknown == "" }

// completeUntil returns the instant up to which the server that answered at asOf has all
// transactions, if its lag is known.
func (s Server) completeUntil(asOf time.Time) time.Time {
	if !s.Standby {
		return asOf
	}
	return asOf.Add(-s.Lag.Behind)
}

// covers reports whether a server that answered at asOf has all of a window, except for
// at most a hundredth of it.
func (s Server) covers(from, to, asOf time.Time) bool {
	if !s.lagKnown() {
		return false
	}
	return !s.Standby || !to.Add(-to.Sub(from)/100).After(s.completeUntil(asOf))
}

// annotate adds the server to a result.
func (s Server) annotate(r *sentinel.Result) {
	if r.Status == sentinel.Error {
		return
	}
	if s.Place != "" {
		addNote(r, "answered by "+s.Place)
		r.Evidence.Server = s.Place
	}
	if s.Standby {
		addNote(r, "read on a standby")
		r.Evidence.Lag = sentinel.Float(s.Lag.Behind.Seconds())
		if s.Lag.Unknown != "" {
			r.Evidence.Lag = sentinel.Float(math.NaN())
		}
	}
	text := s.text()
	if text == "" {
		return
	}
	addText(r, text)
}

// addText adds to the message of the result, and to those of its findings.
func addText(r *sentinel.Result, text string) {
	r.Message += "; " + text
	for i := range r.Findings {
		r.Findings[i].Message += "; " + text
	}
}

// addNote adds a note to the result's evidence.
func addNote(r *sentinel.Result, what string) {
	r.Evidence.Note = strings.TrimPrefix(r.Evidence.Note+"; "+what, "; ")
}

// incomplete returns the result of a count that the lag of a standby makes incomplete.
// It says nothing about the data, and is not stored as history. rules are the keys of the
// findings that the check may have.
func incomplete(r sentinel.Result, what string, rules ...string) sentinel.Result {
	r.Status, r.Observations = sentinel.Unknown, nil
	r.Message = what + " is not all there yet: " + r.Message
	for i := range r.Findings {
		r.Findings[i].Status = sentinel.Unknown
	}
	for _, key := range rules {
		if indexOfKey(r.Findings, key) < 0 {
			r.Findings = append(r.Findings, sentinel.Finding{Key: key, Status: sentinel.Unknown, Message: r.Message})
		}
	}
	return r
}
