package propose

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// timeColumn is a column that tells when a row came, and how it is read where its type does
// not say so.
type timeColumn checks.TimeColumn

// typed reports whether the type of the column says how it is read.
func (c timeColumn) typed() bool { return c.Unit == "" && c.Format == "" }

func (c timeColumn) yaml() string {
	out := "{column: " + text(c.Column)
	if c.Unit != "" {
		out += ", unit: " + c.Unit
	}
	if c.Format != "" {
		out += ", format: " + text(c.Format)
	}
	if c.UTC {
		out += ", utc: true"
	}
	return out + "}"
}

// arrivals are words of columns that tell when a row was written, the most telling first. A
// time of creation comes before one of a change: rows do not wander from day to day by it.
var arrivals = []string{
	"loaded", "load", "ingested", "inserted", "created", "creation", "create", "event", "received", "recorded", "updated",
	"update", "modified", "changed",
}

// others are words of columns that hold a time of something else than the row.
var others = []string{
	"birth", "birthday", "birthdate", "born", "dob", "hire", "hired", "death", "died", "anniversary",
	"expire", "expires", "expired", "expiry", "expiration", "valid", "validity", "start", "starts", "started", "begin", "begins",
	"end", "ends", "ended", "until", "till", "deleted", "delete", "removed", "archived", "due", "deadline", "scheduled",
	"schedule", "planned", "effective", "from", "to", "release", "released", "renewal", "eta", "estimated", "target",
	"promised", "requested", "required",
}

// ofTimes are words that names of columns with times have.
var ofTimes = []string{"at", "on", "ts", "time", "timestamp", "date", "datetime", "day"}

// words splits a name such as created_at, createdAt or "Created At".
func words(name string) (out []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
		}
		word = nil
	}
	before := ' '
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
		case unicode.IsUpper(r) && unicode.IsLower(before):
			end()
			word = append(word, r)
		default:
			word = append(word, r)
		}
		before = r
	}
	end()
	return out
}

// telling ranks a name: the smaller, the more it tells when a row came. Negative: it tells
// something else, or nothing.
func telling(name string) int {
	parts := words(name)
	if slices.ContainsFunc(parts, func(w string) bool { return slices.Contains(others, w) }) {
		return -1
	}
	for i, w := range arrivals {
		if slices.Contains(parts, w) {
			return i
		}
	}
	if slices.ContainsFunc(parts, func(w string) bool { return slices.Contains(ofTimes, w) }) {
		return len(arrivals)
	}
	return -1
}

// endsInTime reports whether a name says that a text or number is a time: created_at is one,
// and created_by is none.
func endsInTime(name string) bool {
	parts := words(name)
	return len(parts) > 0 && slices.Contains(ofTimes, parts[len(parts)-1])
}

// timeColumns returns the columns that may tell when a row came, the most telling first:
// those of a type for times, then texts and numbers in the usual forms.
func timeColumns(t *warehouse.Table) (out []timeColumn) {
	type ranked struct {
		rank int
		as   []timeColumn
	}
	var all []ranked
	for _, c := range t.Columns {
		rank := telling(c.Name)
		if rank < 0 {
			continue
		}
		rank *= 8
		if !t.LeadsIndex(c.Name) {
			rank += 2
		}
		var as []timeColumn
		switch c.Type.Family {
		case warehouse.Timestamp:
			as = []timeColumn{{Column: c.Name}}
		case warehouse.Date:
			rank++
			as = []timeColumn{{Column: c.Name}}
		case warehouse.Text, warehouse.FixedText:
			if !endsInTime(c.Name) {
				continue
			}
			rank += 10000
			for _, format := range []string{"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"} {
				as = append(as, timeColumn{Column: c.Name, Format: format})
			}
			as = append(as, timeColumn{Column: c.Name, Format: "%Y-%m-%dT%H:%M:%SZ", UTC: true})
		case warehouse.Integer:
			if !endsInTime(c.Name) {
				continue
			}
			rank += 20000
			as = []timeColumn{{Column: c.Name, Unit: "s"}, {Column: c.Name, Unit: "ms"}}
		default:
			continue
		}
		all = append(all, ranked{rank, as})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.rank - b.rank })
	for _, r := range all {
		out = append(out, r.as...)
	}
	return out
}
