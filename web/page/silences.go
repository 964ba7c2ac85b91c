package page

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/notify"
)

func init() {
	addScreen(screen{
		path: "/silences", template: "silences.html", live: "summary",
		show: func(s *Site, r *http.Request) (any, error) { return s.silenceList(r) },
	})
	addAction(action{path: "/silences", role: access.Operator, do: addSilence})
	addAction(action{path: "/silences/{id}/end", role: access.Operator, do: endSilence})
}

// silencesListed is the number of silences on one page.
const silencesListed = 50

// silencesData is the content of silences.html.
type silencesData struct {
	Query   query
	All     int
	Found   []notify.SilenceStatus // those that end first come first
	Next    string
	Owners  []string
	Now     time.Time
	Started bool // else nothing is known of silences
}

func (s *Site) silenceList(r *http.Request) (d silencesData, err error) {
	d.Now, d.Started, d.Owners = s.Clock.Now(), s.Agent.Ready(), s.owners()
	if d.Query, err = readSearch("/silences", r.URL.Query(), "q"); err != nil {
		return d, err
	}
	all, err := s.silenceRows(r.Context())
	if err != nil {
		return d, err
	}
	d.All = len(all)
	text := strings.ToLower(d.Query.Get("q"))
	all = slices.DeleteFunc(all, func(o notify.SilenceStatus) bool {
		return !strings.Contains(strings.ToLower(o.What()+"\n"+o.Who+"\n"+o.Why), text)
	})
	if after := d.Query.Get("after"); after != "" {
		at := slices.IndexFunc(all, func(o notify.SilenceStatus) bool { return o.ID == after })
		all = all[at+1:] // all of them, if that one has ended
	}
	d.Found = all[:min(silencesListed, len(all))]
	if len(all) > len(d.Found) {
		d.Next = d.Query.With("after", d.Found[len(d.Found)-1].ID)
	}
	return d, nil
}

// silenceRows are the silences that have not ended.
func (s *Site) silenceRows(ctx context.Context) ([]notify.SilenceStatus, error) {
	if !s.Agent.Ready() {
		return nil, nil
	}
	all, err := s.Agent.Silences(ctx)
	return Unnamed(ctx, all, UnnamedSilence), err
}

// addSilence sets a silence of what a form says. The agent refuses one that is too long, or that
// matches everything without saying so.
func addSilence(s *Site, r *request) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	now := s.Clock.Now()
	v := notify.Silence{
		ID: notify.SilenceID(now), Incident: r.Field("incident"), Dataset: r.Field("dataset"), Check: r.Field("check"),
		Finding: r.Field("finding"), Tag: r.Field("tag"), Tier: r.Field("tier"), Owner: r.Field("owner"), All: r.Field("all") != "",
		From: now.UTC().Truncate(time.Second), Who: r.Who(), Why: r.Field("why"),
	}
	if text := r.Field("from"); text != "" {
		from, err := time.Parse(localTime, text)
		if err != nil {
			return "", badRequest("From: want a time of UTC, such as 2026-11-27T06:00.")
		}
		v.From = from
	}
	lasts, err := notify.ParseSpan(cmp.Or(r.Field("span"), r.Field("for")))
	if err != nil {
		return "", badRequest("How long: " + err.Error() + ".")
	}
	v.Until = v.From.Add(lasts)
	if !v.Until.After(now) {
		return "", badRequest("It would have ended already: nothing was done.")
	}
	if err := s.Agent.Silence(ctx, v); err != nil {
		return "", s.refused(err, "/silences")
	}
	return "/silences", nil
}

// endSilence ends a silence now.
func endSilence(s *Site, r *request) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	back := ownPath(r.PostFormValue("next"))
	if _, err := s.Agent.EndSilence(ctx, r.PathValue("id"), r.Who(), r.Field("why")); err != nil {
		return "", s.refused(err, back)
	}
	return back, nil
}
