package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	for what, do := range map[string]func(*Site, *request, sentinel.Incident) error{
		"ack": acknowledge, "resolve": resolve, "note": writeNote, "silence": silence, "expected": markExpected,
		"accept": acceptSchema,
	} {
		addAction(action{path: "/incidents/{id}/" + what, role: access.Operator, do: onIncident(do)})
	}
}

// actTime bounds how long a person waits for an action. What is in force by then is recorded later.
const actTime = 5 * time.Second

// onIncident makes an action of what is done with one incident. Then the browser goes back to it.
func onIncident(do func(*Site, *request, sentinel.Incident) error) func(*Site, *request) (string, error) {
	return func(s *Site, r *request) (string, error) {
		back := "/incidents/" + r.PathValue("id")
		ctx, cancel := context.WithTimeout(r.Context(), actTime)
		defer cancel()
		r.Request = r.WithContext(ctx)
		i, err := s.findIncident(ctx, r.PathValue("id"))
		if err == nil {
			err = do(s, r, i)
		}
		if err != nil {
			return "", s.refused(err, back)
		}
		return back, nil
	}
}

// refused says to a person why what was asked for was not done, or not recorded. back is where
// it can be seen as it is now.
func (s *Site) refused(err error, back string) error {
	f := &failure{http.StatusConflict, sentence(err.Error()), back}
	known, state := (*failure)(nil), (*store.StateError)(nil)
	switch {
	case errors.As(err, &known):
		f.status, f.message = known.status, known.message
	case errors.Is(err, agent.ErrUnrecorded):
		f.status = http.StatusServiceUnavailable
		f.message = "The state cannot be written now. What you decided is in force for this agent, and is recorded as soon " +
			"as the state can be written. If the agent ends before, it is lost: look again then."
	case errors.Is(err, agent.ErrNotStarted):
		f.status = http.StatusServiceUnavailable
	case errors.Is(err, agent.ErrNotRepeated):
		f.status = http.StatusServiceUnavailable
	case errors.Is(err, store.ErrStale):
		f.message = "Somebody was quicker: it has changed since you read it. Nothing was done twice."
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &state):
		f.status = http.StatusServiceUnavailable
		f.message = strings.TrimSpace("Nothing was done: " + err.Error() + ". " + strings.Join(s.Problems(), " "))
	}
	return f
}

// quicker says that somebody else has decided already.
func quicker(i sentinel.Incident, word string) error {
	text := "Somebody was quicker: the incident is already " + word
	if i.Note != "" {
		text += " (" + i.Note + ")"
	}
	return conflict(errors.New(text + ". Nothing was done twice"))
}

// stillOpen refuses what needs an incident that has not ended.
func stillOpen(i sentinel.Incident) error {
	if i.State == sentinel.Resolved {
		return quicker(i, "resolved")
	}
	return nil
}

func acknowledge(s *Site, r *request, i sentinel.Incident) error {
	if err := stillOpen(i); err != nil {
		return err
	}
	if i.Standing() == sentinel.Acknowledged {
		return quicker(i, "acknowledged")
	}
	_, err := s.Agent.Decide(r.Context(), "ack", i.ID, r.Who(), r.Field("why"))
	return err
}

// resolve ends an incident. What has become worse since the person read it is shown first.
func resolve(s *Site, r *request, i sentinel.Incident) error {
	if err := stillOpen(i); err != nil {
		return err
	}
	if seen := r.Field("seen"); seen != fmt.Sprint(i.Transitions) && seen != "" {
		return conflict(errors.New("the incident has changed since you read it: nothing was done. See what is new"))
	}
	_, err := s.Agent.Decide(r.Context(), "resolve", i.ID, r.Who(), r.Field("why"))
	return err
}

func writeNote(s *Site, r *request, i sentinel.Incident) error {
	if r.Field("why") == "" {
		return badRequest("A note needs words.")
	}
	_, err := s.Agent.Decide(r.Context(), "note", i.ID, r.Who(), r.Field("why"))
	return err
}

// silence keeps the incident, its dataset or its check quiet for a time.
func silence(s *Site, r *request, i sentinel.Incident) error {
	now := s.Clock.Now().UTC().Truncate(time.Second)
	lasts, err := notify.ParseSpan(r.Field("for"))
	if err != nil {
		return badRequest("How long: " + err.Error() + ".")
	}
	v := notify.Silence{
		ID:    notify.SilenceID(s.Clock.Now()),
		From:  now,
		Until: now.Add(lasts),
		Who:   r.Who(),
		Why:   r.Field("why"),
	}
	switch r.Field("what") {
	case "incident":
		v.Incident = i.ID
	case "dataset":
		v.Dataset = i.Table.String()
	case "check":
		v.Dataset, v.Check = i.Table.String(), i.Check
	default:
		return badRequest("Say what is to be silenced: the incident, the dataset or the check.")
	}
	return s.Agent.Silence(r.Context(), v)
}

// expectedForm is what the form that labels points of a series is filled with.
type expectedForm struct {
	Check, Segment string
	From, To       time.Time // in UTC
}

// Begins is From as the field of the form has it.
func (e expectedForm) Begins() string { return e.From.UTC().Format(localTime) }

// Ends is To as the field of the form has it.
func (e expectedForm) Ends() string { return e.To.UTC().Format(localTime) }

// expectedFor returns the points that a finding is about: those that a detector scored as
// anomalies, else the time of the finding.
func expectedFor(f sentinel.IncidentFinding, seen *sentinel.Result) expectedForm {
	e := expectedForm{Check: f.Check, Segment: sentinel.SegmentOf(f.Key), From: f.Opened, To: f.Updated}
	if seen == nil {
		return e
	}
	var from, to time.Time
	for _, v := range seen.Scores {
		if v.Segment != e.Segment || !v.State.Alarm() {
			continue
		}
		if from.IsZero() || v.Time.Before(from) {
			from = v.Time
		}
		if v.Time.After(to) {
			to = v.Time
		}
	}
	if !from.IsZero() {
		e.From, e.To = from, to
	}
	return e
}

// localTime is the form of a field of type datetime-local.
const localTime = "2006-01-02T15:04"

// markExpected labels points as expected, so that no detector learns from them.
func markExpected(s *Site, r *request, i sentinel.Incident) error {
	from, err := time.Parse(localTime, r.Field("from"))
	to, toErr := time.Parse(localTime, r.Field("to"))
	if err := errors.Join(err, toErr); err != nil {
		return badRequest("Want two times of UTC, such as 2026-11-27T06:00.")
	}
	if r.Field("why") == "" {
		return badRequest("Say why it was expected.")
	}
	known := false
	for _, f := range i.Findings {
		known = known || f.Check == r.Field("check")
	}
	if !known {
		return badRequest("This incident has no finding of that check.")
	}
	err = s.Agent.Label(r.Context(), store.Label{
		Check: r.Field("check"), Segment: r.Field("segment"), Exclude: true, Who: r.Who(), Why: r.Field("why"),
		Incident: i.ID, From: from, To: to.Add(time.Minute - time.Microsecond), // the field has no seconds
	})
	if err != nil && !errors.Is(err, agent.ErrUnrecorded) || r.Field("resolve") == "" || i.State == sentinel.Resolved {
		return err
	}
	// The label is in force, recorded or not, and so the incident is resolved as it was asked for.
	_, resolveErr := s.Agent.Decide(r.Context(), "resolve", i.ID, r.Who(), "expected: "+r.Field("why"))
	return cmp.Or(resolveErr, err)
}

// acceptSchema makes the schema as it was read the accepted one.
func acceptSchema(s *Site, r *request, i sentinel.Incident) error {
	if err := stillOpen(i); err != nil {
		return err
	}
	accepted, err := s.Agent.AcceptSchema(r.Context(), agent.SchemaAcceptance{
		Table: i.Table, Who: r.Who(), Why: r.Field("why"), Seen: r.Field("seen"),
	})
	if err == nil && len(accepted) == 0 {
		return conflict(errors.New("somebody was quicker: there is nothing to accept any more"))
	}
	return err
}
