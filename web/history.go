package web

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/store"
)

// point is a [sentinel.Point] whose value may be infinite or no number.
type point struct {
	Time     time.Time // start of the bucket, or the tick if there is no bucket
	Value    sentinel.Number
	Bad      bool         // a person or a resolved incident labelled the value as bad; a baseline leaves it out
	Expected *expectation `json:"expected,omitempty"` // why, with explain=1; none while the detector was learning
}

// expectation says what was expected of a value, and why: see [anomaly.Explanation]. Level, slot,
// recent, month_day and holiday add up to expected.
type expectation struct {
	Words    string              `json:"words"`    // all of it in one line
	State    sentinel.ScoreState `json:"state"`    // of the value
	Forecast string              `json:"forecast"` // "regular", or the forecast of an irregular series
	Place    string              `json:"place"`    // weekday, with the hour if values come more often than daily
	Expected sentinel.Number     `json:"expected"`
	Level    sentinel.Number     `json:"level"`
	Slot     sentinel.Number     `json:"slot"`      // what the weekday adds, or the hour
	Recent   sentinel.Number     `json:"recent"`    // what the last day adds
	MonthDay sentinel.Number     `json:"month_day"` // what the day of the month adds
	Holiday  sentinel.Number     `json:"holiday"`
	Spread   sentinel.Number     `json:"spread"`   // standard deviation, as a share of expected
	Unknown  sentinel.Number     `json:"unknown"`  // share of the square of spread that is not noise, but not known yet
	Power    sentinel.Number     `json:"power"`    // of the Box-Cox transform of distances; 0 is the logarithm
	Offset   sentinel.Number     `json:"offset"`   // added to values before that
	Low      sentinel.Number     `json:"low"`      // of the range; null if there is none
	High     sentinel.Number     `json:"high"`     // of the range; null if there is none
	TailLow  sentinel.Number     `json:"tail_low"` // spreads from expected to low
	TailHigh sentinel.Number     `json:"tail_high"`
	LowBy    anomaly.Bound       `json:"low_by,omitempty"` // what made the end
	HighBy   anomaly.Bound       `json:"high_by,omitempty"`
}

// history returns the stored points of one check. The parameters are check, metric,
// segment, since (RFC 3339), limit (default 1000, at most 10000) and explain.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	limit := 1000
	if v := r.FormValue("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 10000 {
			s.text(w, http.StatusBadRequest, "limit: want a number from 1 to 10000")
			return
		}
		limit = n
	}
	var since time.Time
	if v := r.FormValue("since"); v != "" {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			s.text(w, http.StatusBadRequest, "since: want a time like 2026-01-31T06:00:00Z")
			return
		}
		since = t
	}
	if r.FormValue("check") == "" || r.FormValue("metric") == "" {
		s.text(w, http.StatusBadRequest, "want ?check=ID&metric=NAME (row_count, freshness_seconds, ...)")
		return
	}
	of := store.Series{Check: r.FormValue("check"), Metric: r.FormValue("metric"), Segment: r.FormValue("segment")}
	var detector *anomaly.Config
	switch explain := r.FormValue("explain"); explain {
	case "":
	case "1":
		if detector = s.detector(of); detector == nil {
			s.text(w, http.StatusBadRequest, "explain: no `anomaly` watches this metric of the check")
			return
		}
	default:
		s.text(w, http.StatusBadRequest, "explain: want 1")
		return
	}
	v, err := s.Store.Points(r.Context(), of, since, limit)
	points := make([]point, len(v))
	for i, p := range v {
		points[i] = point{Time: p.Time, Value: sentinel.Float(p.Value), Bad: p.Bad}
	}
	if err == nil && detector != nil {
		err = s.explain(r.Context(), *detector, of, points)
	}
	s.json(w, points, err)
}

// detector returns the configuration by which a series is watched; nil if it is not.
func (s *Server) detector(of store.Series) *anomaly.Config {
	if s.Board == nil {
		return nil
	}
	if c := s.Board.Detector(of.Check); c != nil && c.Metric == of.Metric {
		return c
	}
	return nil
}

// explain judges the newest points of a series again, and says why each was expected.
func (s *Server) explain(ctx context.Context, c anomaly.Config, of store.Series, points []point) error {
	_, most := anomaly.LookBack()
	past, err := s.Store.Points(ctx, of, time.Time{}, most)
	if err != nil {
		return err
	}
	judged, err := anomaly.Replay(c, past)
	if err != nil {
		return err
	}
	at := len(judged) - 1
	for i := len(points) - 1; i >= 0; i-- {
		for at >= 0 && judged[at].Time.After(points[i].Time) {
			at--
		}
		if at >= 0 && judged[at].Time.Equal(points[i].Time) && judged[at].Why != nil {
			points[i].Expected = newExpectation(c, judged[at])
		}
	}
	return nil
}

func newExpectation(c anomaly.Config, j anomaly.Judged) *expectation {
	e, n := j.Why, known
	return &expectation{
		Words: e.Words(c), State: j.State, Forecast: e.Forecast, Place: e.Place,
		Expected: n(e.Expected), Level: n(e.Level), Slot: n(e.Slot), Recent: n(e.Recent), MonthDay: n(e.MonthDay),
		Holiday: n(e.Holiday), Spread: n(e.Spread), Unknown: n(e.Unknown), Power: n(e.Power), Offset: n(e.Offset),
		Low: n(e.Low), High: n(e.High), TailLow: n(e.TailLow), TailHigh: n(e.TailHigh), LowBy: e.LowBy, HighBy: e.HighBy,
	}
}

// known returns a number, or none for NaN.
func known(v float64) sentinel.Number {
	if math.IsNaN(v) {
		return sentinel.Number{}
	}
	return sentinel.Float(v)
}
