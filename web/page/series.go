package page

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// seriesPath is the address of the values of a check's chart as JSON.
func seriesPath(t sentinel.Table, check string, days int) string {
	return datasetPath(t) + "/series?days=" + strconv.Itoa(days) + "&check=" + url.QueryEscape(check)
}

// seriesPathIn is the address of the values of a check from one time to another.
func seriesPathIn(t sentinel.Table, check, segment string, from, to time.Time) string {
	v := url.Values{
		"check": {check},
		"from":  {strconv.FormatInt(from.Unix(), 10)},
		"to":    {strconv.FormatInt(to.Unix(), 10)},
	}
	if segment != "" {
		v.Set("segment", segment)
	}
	return datasetPath(t) + "/series?" + v.Encode()
}

// seriesTime is the time that a request for values is about: from and to, in seconds since 1970,
// or the last days.
func seriesTime(r *http.Request, now time.Time) (from, to time.Time) {
	first, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
	last, err2 := strconv.ParseInt(r.FormValue("to"), 10, 64)
	if err != nil || err2 != nil || first >= last {
		return now.AddDate(0, 0, -days(r)), now
	}
	return time.Unix(first, 0), time.Unix(last, 0)
}

// seriesAnswer is the values of one chart, for the script that draws it anew to be zoomed. The
// lists have one length.
type seriesAnswer struct {
	Times  []int64      `json:"times"`  // seconds since 1970
	Values []*float64   `json:"values"` // null: no number
	Low    []*float64   `json:"low"`    // of what was expected; null: not known
	High   []*float64   `json:"high"`
	Limits []float64    `json:"limits"`
	Age    bool         `json:"age"` // the values are seconds
	Zone   string       `json:"zone"`
	Spans  [][2]float64 `json:"incidents"` // beginnings and ends, in seconds since 1970
}

// serveSeries answers with the values of a chart.
func (s *Site) serveSeries(w http.ResponseWriter, r *http.Request) {
	o, _ := s.Board.of(tableOf(r))
	if o == nil {
		s.fail(w, r, notFound("No such dataset is watched."))
		return
	}
	at := slices.IndexFunc(o.Checks, func(c check) bool { return c.ID == r.FormValue("check") })
	if at < 0 {
		s.fail(w, r, notFound("The dataset has no such check."))
		return
	}
	c, now := &o.Checks[at], s.Clock.Now()
	from, to := seriesTime(r, now)
	points, err := s.readSeries(r.Context(), c, r.FormValue("segment"), from, to)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	a := seriesAnswer{Age: unitOf(c.Metric) == ageUnit, Zone: o.Location.String(), Times: []int64{}}
	for _, p := range points {
		a.Times = append(a.Times, p.Time.Unix())
		a.Values = append(a.Values, finite(p.Value))
		a.Low, a.High = append(a.Low, finite(p.Low)), append(a.High, finite(p.High))
	}
	for _, l := range c.limits {
		a.Limits = append(a.Limits, l.At)
	}
	for _, v := range s.Board.spansOf(o.Table, c.ID) {
		if v.to.IsZero() {
			v.to = now
		}
		a.Spans = append(a.Spans, [2]float64{seconds(v.from), seconds(v.to)})
	}
	body, err := json.Marshal(a)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", "application/json")
	s.send(w, r, http.StatusOK, body)
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// finite is a number for JSON; nil for what JSON cannot say.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
