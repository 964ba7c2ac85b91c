package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web/page"
)

// silences returns the silences that have not ended.
func (s *Server) silences(w http.ResponseWriter, r *http.Request) {
	v, err := s.Agent.Silences(r.Context())
	if err != nil { // it has not started, or its state cannot be read
		s.text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	s.json(w, page.Unnamed(r.Context(), v, page.UnnamedSilence), nil)
}

// silenceRequest is the body that sets a silence.
type silenceRequest struct {
	notify.Silence
	For string `json:"for"` // its length, in place of until
}

// silence sets a silence, and answers how it stands: also what it matches.
func (s *Server) silence(w http.ResponseWriter, r *http.Request) {
	const example = `{"dataset": "shop.public.*", "for": "2h", "who": "ann", "why": "..."}, with "until": ` +
		`"2026-01-31T06:00:00Z" in place of "for", and any of "incident", "check", "finding", "tier", "owner", "all"`
	var v silenceRequest
	if !s.decodeStrictly(w, r, &v, example) {
		return
	}
	if v.From.IsZero() {
		v.From = s.Clock.Now().UTC().Truncate(time.Second)
	}
	if v.For != "" {
		lasts, err := notify.ParseSpan(v.For)
		if err != nil || !v.Until.IsZero() {
			s.text(w, http.StatusBadRequest, "for: want a duration such as 2h, and no until")
			return
		}
		v.Until = v.From.Add(lasts)
	}
	v.Who = access.Actor(r.Context(), v.Who)
	v.ID = cmp.Or(v.ID, notify.SilenceID(s.Clock.Now()))
	if err := s.Agent.Silence(r.Context(), v.Silence); err != nil {
		s.text(w, http.StatusConflict, err.Error()+"\nwant JSON such as "+example)
		return
	}
	all, err := s.Agent.Silences(r.Context())
	at := slices.IndexFunc(all, func(o notify.SilenceStatus) bool { return o.ID == v.ID })
	if at < 0 {
		s.json(w, notify.SilenceStatus{Silence: v.Silence}, err)
		return
	}
	s.json(w, all[at], err)
}

// endSilence ends a silence now.
func (s *Server) endSilence(w http.ResponseWriter, r *http.Request) {
	var d decision
	if !s.decode(w, r, &d, `{"who": "ann", "why": "..."}`) {
		return
	}
	ended, err := s.Agent.EndSilence(r.Context(), r.PathValue("id"), access.Actor(r.Context(), d.Who), d.Why)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, ended, nil)
}

// deadLetter is a notification that was given up.
type deadLetter struct {
	Number   int64     `json:"number"`
	Channel  string    `json:"channel"`
	Incident string    `json:"incident"`
	Kind     string    `json:"kind"`
	Attempts int       `json:"attempts"`
	At       time.Time `json:"given_up"`
	Why      string    `json:"why"`
}

// deadLetters returns the notifications that were given up, at most a thousand. The
// parameter channel selects those of one channel.
func (s *Server) deadLetters(w http.ResponseWriter, r *http.Request) {
	items, err := s.Store.Outbox(r.Context(), store.OutboxFilter{State: store.OutboxDead, Channel: r.FormValue("channel")})
	all := []deadLetter{}
	for _, i := range items {
		all = append(all, deadLetter{i.Seq, i.Channel, i.Incident, i.Kind, i.Attempts, i.Finished, i.LastError})
	}
	s.json(w, all, err)
}

// deadLetterRequest says which notifications that were given up are sent again or dropped.
type deadLetterRequest struct {
	decision
	Numbers []int64 `json:"numbers"`
	Channel string  `json:"channel"` // all of this channel
	All     bool    `json:"all"`     // of all channels
}

// deadLetterAnswer says how many there were.
type deadLetterAnswer struct {
	Notifications int64 `json:"notifications"`
}

// decideDeadLetters sends notifications again that were given up, or drops them.
func (s *Server) decideDeadLetters(w http.ResponseWriter, r *http.Request) {
	var v deadLetterRequest
	const example = `{"channel": "oncall", "who": "ann", "why": "..."}, {"numbers": [17], ...} or {"all": true, ...}`
	if !s.decodeStrictly(w, r, &v, example) {
		return
	}
	if len(v.Numbers) == 0 && v.Channel == "" && !v.All {
		s.text(w, http.StatusBadRequest, "say which: want "+example)
		return
	}
	n, err := s.Agent.DecideDeadLetters(r.Context(), notify.DeadLetterDecision{
		What: r.PathValue("what"), Who: access.Actor(r.Context(), v.Who), Why: v.Why,
		DeadLetters: store.DeadLetters{Numbers: v.Numbers, Channel: v.Channel},
	})
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, deadLetterAnswer{n}, nil)
}

// decodeStrictly reads the JSON body of a request as decode does, and refuses a field that
// it does not know.
func (s *Server) decodeStrictly(w http.ResponseWriter, r *http.Request, into any, example string) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		s.text(w, http.StatusBadRequest, "want JSON such as "+example+": "+err.Error())
		return false
	}
	return true
}
