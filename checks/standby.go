package checks

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Where says which server answered the questions of a target.
type Where struct {
	Place   string        // "standby 1", ...; "" for the server of `dsn`
	Standby bool          // it is a read-only replica
	Lag     warehouse.Lag // of a standby
}

// where tells what answered a run: the server whose catalog was read, unless
// another one has taken over since.
func (l *Look) where(t Target) Where {
	if l.db == nil || t.Known.Catalog == nil {
		return Where{}
	}
	w := Where{Place: l.db.Place(), Standby: t.Known.Catalog.Standby, Lag: t.Known.Catalog.Lag}
	if w.Place != l.place {
		w.Standby, w.Lag = true, warehouse.Lag{Unknown: "the server changed while it was asked"}
	}
	return w
}

// text is what a result says of it; "" for a server that has everything.
func (w Where) text() string {
	name := w.Place
	switch {
	case name == "" && (!w.Standby || w.Lag.Small()):
		return ""
	case name == "":
		name = "a standby"
	}
	switch {
	case !w.Standby || w.Lag.Small():
		return "taken on " + name
	case w.Lag.Unknown != "":
		return "taken on " + name + ", nobody knows how far behind: " + oneLine(w.Lag.Unknown)
	}
	return fmt.Sprintf("taken on %s, %s behind", name, humanDuration(w.Lag.Behind))
}

// told reports whether it is known what the server does not have. A replica that
// is `dsn` itself and does not say how far behind it is, is taken at its word:
// else it could never find anything.
func (w Where) told() bool { return w.Place == "" || !w.Standby || w.Lag.Unknown == "" }

// at is the instant up to which the server that answered at asOf has everything,
// where that is told.
func (w Where) at(asOf time.Time) time.Time {
	if !w.Standby {
		return asOf
	}
	return asOf.Add(-w.Lag.Behind)
}

// has reports whether a server that answered at asOf has all of a window, but
// for a hundredth of it.
func (w Where) has(from, to, asOf time.Time) bool {
	return w.told() && (!w.Standby || !to.Add(-to.Sub(from)/100).After(w.at(asOf)))
}

// tell adds to a result where it was taken.
func (w Where) tell(r *sentinel.Result) {
	if r.Status == sentinel.Error {
		return
	}
	if w.Place != "" {
		remark(r, "answered by "+w.Place)
	}
	if w.Standby {
		remark(r, "read on a standby")
		r.Evidence.Lag = sentinel.Float(w.Lag.Behind.Seconds())
		if w.Lag.Unknown != "" {
			r.Evidence.Lag = sentinel.Float(math.NaN())
		}
	}
	text := w.text()
	if text == "" {
		return
	}
	r.Message += "; " + text
	for i := range r.Findings {
		r.Findings[i].Message += "; " + text
	}
}

// remark adds what a reader of the evidence should know.
func remark(r *sentinel.Result, what string) {
	r.Evidence.Note = strings.TrimPrefix(r.Evidence.Note+"; "+what, "; ")
}

// undecided is the result of a count that the lag of a standby leaves short: it
// is no history, and says nothing about the data.
func undecided(r sentinel.Result, what string) sentinel.Result {
	r.Status, r.Observations = sentinel.Unknown, nil
	r.Message = what + " is not all there yet: " + r.Message
	for i := range r.Findings {
		r.Findings[i].Status = sentinel.Unknown
	}
	return r
}
