package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/report"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

// The figures of a month are those that a loop over its minutes counts.
func TestAReportCountsWhatHappened(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(5, 5))
	var all []sentinel.Incident
	for table := range 12 { // a dataset has one incident at a time
		at := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
		for n := 0; ; n++ {
			at = at.Add(time.Duration(rng.IntN(15*24*60)) * time.Minute)
			i := sentinel.Incident{
				ID: fmt.Sprintf("i%d-%d", table, n), Table: sentinel.Table{Warehouse: "w", Name: fmt.Sprint("t", table)}, Check: "c",
				Opened: at, State: sentinel.Resolved, Severity: sentinel.Fail, Owner: fmt.Sprint("o", (table+n)%3), Monitor: rng.IntN(4) == 0,
			}
			if at = at.Add(time.Duration(rng.IntN(12*24*60)) * time.Minute); i.Opened.After(now) {
				break
			}
			if i.Resolved = at; at.After(now) {
				i.State, i.Resolved = sentinel.Open, time.Time{}
			}
			all = append(all, i)
		}
	}
	if _, err := s.Record(t.Context(), store.Batch{Incidents: all}); err != nil {
		t.Fatal(err)
	}
	repairs := repairsOf(t, s, all, rng)
	for _, month := range []string{"2026-08", "2026-09", "2026-10", "2026-11"} {
		for _, zone := range []*time.Location{time.UTC, berlin} {
			m, err := report.ParseMonth(month, zone, now)
			if err != nil {
				t.Fatal(err)
			}
			r, err := report.Of(t.Context(), report.Source{Store: s, Most: 1 << 20}, m)
			if err != nil {
				t.Fatal(err)
			}
			var want report.Figures
			for _, i := range all {
				open := func(at time.Time) bool { return !at.Before(i.Opened) && (i.Resolved.IsZero() || at.Before(i.Resolved)) }
				for at := m.From; at.Before(m.Until); at = at.Add(time.Minute) {
					if open(at) && !i.Monitor {
						want.Bad += time.Minute
					}
				}
				switch {
				case !i.Opened.Before(m.From) && i.Opened.Before(m.Until):
					want.Incidents++
				case open(m.From):
					want.Carried++
				}
				if open(m.Until) && i.Opened.Before(m.Until) {
					want.Open++
				}
			}
			got := r.Total
			if got.Bad != want.Bad || got.Incidents != want.Incidents || got.Carried != want.Carried || got.Open != want.Open {
				t.Errorf("%s in %s: got %+v, want %+v", month, zone, got, want)
			}
			sum := func(rows []report.Row) (f report.Figures) {
				for _, row := range rows {
					f.Bad, f.Incidents, f.Carried, f.Open = f.Bad+row.Bad, f.Incidents+row.Incidents, f.Carried+row.Carried, f.Open+row.Open
				}
				return f
			}
			repaired := map[string]agent.Part{}
			for _, v := range repairs {
				if owner := v.Policy; !v.Created.Before(m.From) && v.Created.Before(m.Until) {
					part := repaired[owner]
					part.Add(v.State == sentinel.RepairSucceeded)
					repaired[owner] = part
				}
			}
			for _, o := range r.Owners {
				if o.Repairs != repaired[o.Name] {
					t.Errorf("%s: %s has repairs %+v, want %+v", month, o.Name, o.Repairs, repaired[o.Name])
				}
			}
			for _, f := range []report.Figures{sum(r.Datasets), sum(r.Owners)} {
				if f.Bad != want.Bad || f.Incidents != want.Incidents || f.Carried != want.Carried || f.Open != want.Open {
					t.Errorf("%s: the rows have %+v, want %+v", month, f, want)
				}
			}
		}
	}
	r, err := report.Of(t.Context(), report.Source{Store: s, Most: 3}, report.Month{From: now.AddDate(0, -2, 0), To: now, Until: now})
	if err != nil || !r.Partial || r.Total.Incidents != 3 {
		t.Errorf("a bounded report: %+v, %v", r.Total, err)
	}
}

// repairsOf records some repairs for each incident. The policy of each is the owner that it counts
// for.
func repairsOf(t *testing.T, s *store.Store, all []sentinel.Incident, rng *rand.Rand) (repairs []sentinel.Repair) {
	t.Helper()
	for n, i := range all {
		for k := range rng.IntN(3) {
			id := fmt.Sprintf("r%d-%d", n, k)
			r := sentinel.Repair{ID: id, Key: id, Policy: i.Owner, Incident: i.ID, Check: "c", Table: i.Table, Plan: sentinel.Plan{Table: i.Table},
				State: sentinel.RepairSucceeded, Created: i.Opened.Add(time.Duration(k) * time.Second), Finished: i.Opened.Add(time.Hour)}
			if rng.IntN(3) == 0 {
				r.State = sentinel.RepairFailed
			}
			if _, err := s.AddRepair(t.Context(), r, store.AuditEntry{At: r.Created, Actor: "sentinel", What: "repair.planned"}); err != nil {
				t.Fatal(err)
			}
			repairs = append(repairs, r)
		}
	}
	return repairs
}

// A repair of an incident that was over before the month counts for the newest owner of the dataset.
func TestARepairOfAnEarlierIncident(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	table := sentinel.Table{Warehouse: "w", Name: "t"}
	var all []sentinel.Incident
	for n, owner := range []string{"first", "second", ""} {
		at := now.AddDate(0, 0, n-9)
		all = append(all, sentinel.Incident{ID: fmt.Sprint("i", n), Table: table, Check: "c", Owner: owner, Opened: at,
			State: sentinel.Resolved, Severity: sentinel.Fail, Resolved: at.Add(time.Hour)})
	}
	if _, err := s.Record(t.Context(), store.Batch{Incidents: all}); err != nil {
		t.Fatal(err)
	}
	r := sentinel.Repair{ID: "r", Key: "r", Incident: "older", Check: "c", Table: table, Plan: sentinel.Plan{Table: table}, State: sentinel.RepairSucceeded,
		Created: now.Add(-time.Hour), Finished: now}
	if _, err := s.AddRepair(t.Context(), r, store.AuditEntry{At: r.Created, Actor: "sentinel", What: "repair.planned"}); err != nil {
		t.Fatal(err)
	}
	m, err := report.ParseMonth("", time.UTC, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := report.Of(t.Context(), report.Source{Store: s, Most: 10}, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range got.Owners {
		if want := map[string]int{"second": 1}[o.Name]; o.Repairs.All != want {
			t.Errorf("%q has %d repairs, want %d", o.Name, o.Repairs.All, want)
		}
	}
}

// A label makes an incident a false alarm until another one takes it back.
func TestFalseAlarms(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	i := sentinel.Incident{ID: "i1", Table: sentinel.Table{Warehouse: "w", Name: "t"}, Check: "c", Opened: now.Add(-time.Hour),
		State: sentinel.Open, Severity: sentinel.Fail}
	if _, err := s.Record(t.Context(), store.Batch{Incidents: []sentinel.Incident{i}}); err != nil {
		t.Fatal(err)
	}
	m, err := report.ParseMonth("", time.UTC, now)
	if err != nil {
		t.Fatal(err)
	}
	label := store.Label{Check: "c", From: i.Opened, To: now, Exclude: true, Who: "ann", Why: "a sale", At: now.Add(-time.Minute), Incident: "i1"}
	other := label
	other.Check, other.Incident = "x", ""
	for n, l := range []store.Label{other, label, {Check: "c", From: i.Opened, To: now, Who: "ann", Why: "no", At: now}} {
		if err := s.Label(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		r, err := report.Of(t.Context(), report.Source{Store: s, Most: 10}, m)
		if err != nil {
			t.Fatal(err)
		}
		if want := []int{0, 1, 0}[n]; r.Total.False != want || len(r.Labels) != 1+want {
			t.Errorf("after %d labels: %d false alarms and %d labels, want %d", n+1, r.Total.False, len(r.Labels), want)
		}
	}
}

// Service levels of which nothing is known do not hide the worst.
func TestUnknownLevelsComeLast(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	from := report.Source{Store: s, Most: 10}
	for n, left := range []float64{math.NaN(), .5, math.Inf(-1), math.NaN(), -2, 1} {
		from.Levels = append(from.Levels, slo.Report{Table: sentinel.Table{Name: fmt.Sprint(n)}, Level: slo.Level{Left: left}})
	}
	m, err := report.ParseMonth("", time.UTC, time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Of(t.Context(), from, m)
	if err != nil {
		t.Fatal(err)
	}
	order := ""
	for _, l := range r.Levels {
		order += l.Table.Name
	}
	if order != "241503" {
		t.Errorf("the order is %s", order)
	}
}

// The labels that stand are those that no later one of their check and segment covers, whatever the order; and a
// report says that it has not read all.
func TestLabelsStandUntilTheyAreTakenBack(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	m, err := report.ParseMonth("", time.UTC, now)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	var all []store.Label
	for n := range 120 {
		begin := now.Add(-time.Duration(rng.IntN(20)) * time.Hour)
		l := store.Label{
			Check: fmt.Sprint("c", rng.IntN(3)), Segment: []string{"", "a=b"}[rng.IntN(2)], From: begin,
			To: begin.Add(time.Duration(rng.IntN(8)) * time.Hour), Exclude: rng.IntN(4) > 0, Who: "ann", Why: fmt.Sprint(n),
			At: now.Add(-time.Minute),
		}
		all = append(all, l)
		if err := s.Label(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	for _, most := range []int{120, 119, 40} {
		var want []string
		read := all[len(all)-most:]
		for n, l := range read {
			covers := func(o store.Label) bool {
				return !o.Exclude && o.Check == l.Check && o.Segment == l.Segment && !o.From.After(l.From) && !o.To.Before(l.To)
			}
			if l.Exclude && !slices.ContainsFunc(read[n:], covers) {
				want = append(want, l.Why)
			}
		}
		r, err := report.Of(t.Context(), report.Source{Store: s, Most: most}, m)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range r.Labels {
			got = append(got, l.Why)
		}
		if !slices.Equal(got, want) || r.Partial != (most < len(all)) || len(want) == most {
			t.Errorf("of %d labels: got %v (partial %t), want %v", most, got, r.Partial, want)
		}
	}
}
