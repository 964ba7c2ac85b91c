package agent

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// alerted is agents with one state, whose repairs ask a receiver.
type alerted struct {
	*testing.T
	memory   *store.Store
	receiver *httptest.Server
	asked    atomic.Int64
	log      strings.Builder
}

func newAlerted(t *testing.T) *alerted {
	t.Helper()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	a := &alerted{T: t, memory: memory}
	a.receiver = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { a.asked.Add(1) }))
	t.Cleanup(func() {
		a.receiver.Close()
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// policy is a repair of a table that alerts start.
func (a *alerted) policy(id, table string, mode repair.Mode, on ...string) *repair.Policy {
	a.Helper()
	none := time.Duration(0)
	p := &repair.Policy{
		ID: id, Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: table}, On: on, Mode: mode, Kind: "webhook",
		Action: &hooks.Webhook{URL: sentinel.NewSecret(a.receiver.URL)}, Cooldown: &none, FlapWindow: &none, Attempts: 100,
	}
	if err := p.Validate(); err != nil {
		a.Fatal(err)
	}
	return p
}

// agent starts an agent, as after a restart.
func (a *alerted) agent(policies ...*repair.Policy) *Agent {
	a.Helper()
	started := New(Config{
		Store: a.memory, Metrics: exporters.NewPrometheus("test"), Clock: sentinel.ClockFunc(time.Now),
		Repair: &repair.Config{Store: a.memory, Holder: "test", Clock: sentinel.ClockFunc(time.Now)},
		Log:    slog.New(slog.NewTextHandler(&a.log, nil)),
	})
	begin(a.T, started)
	started.setPlan(Plan{Warehouses: map[string]*warehouse.DB{"w": nil}})
	var datasets []Dataset
	for _, p := range policies {
		datasets = append(datasets, Dataset{Table: p.Table, Location: time.UTC, Repairs: []*repair.Policy{p}})
	}
	started.setDatasets(datasets)
	return started
}

// send posts an alert, and lets the repairs end.
func (a *alerted) send(to *Agent, alert repair.Alert) (planned int, why string) {
	a.Helper()
	planned, why, err := to.RepairAlert(a.Context(), alert)
	if err != nil {
		a.Fatal(err)
	}
	for range 3 {
		if err := to.engine.Advance(a.Context()); err != nil {
			a.Fatal(err)
		}
	}
	return planned, why
}

var firing = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

func staleAlert(labels map[string]string) repair.Alert {
	return repair.Alert{Name: "Stale", Fingerprint: "c0ffee", Start: firing, Labels: labels}
}

// Alertmanager sends a firing alert again and again, and from each of its instances to
// each agent. One start is one repair.
func TestAlertActsOnceForItsStart(t *testing.T) {
	t.Parallel()
	a := newAlerted(t)
	policy := a.policy("p", "o", repair.Auto, "alert.Stale")
	one, other := a.agent(policy), a.agent(policy)
	alert := staleAlert(map[string]string{"warehouse": "w", "dataset": "main.o"})
	if planned, why := a.send(one, alert); planned != 1 || why != "" || a.asked.Load() != 1 {
		t.Fatalf("planned %d, %s, asked %d times", planned, why, a.asked.Load())
	}
	for name, agent := range map[string]*Agent{"again": one, "another agent": other, "after a restart": a.agent(policy)} {
		planned, why := a.send(agent, alert)
		if planned != 0 || !strings.Contains(why, "was planned for it before") || a.asked.Load() != 1 {
			t.Errorf("%s: planned %d, %q, asked %d times", name, planned, why, a.asked.Load())
		}
	}
	alert.Start = firing.Add(time.Hour)
	if planned, why := a.send(other, alert); planned != 1 || a.asked.Load() != 2 {
		t.Errorf("fires anew: planned %d, %s, asked %d times", planned, why, a.asked.Load())
	}
	alert.Fingerprint = "another"
	if planned, why := a.send(one, alert); planned != 1 || a.asked.Load() != 3 {
		t.Errorf("another alert: planned %d, %s, asked %d times", planned, why, a.asked.Load())
	}
	alert.Fingerprint = ""
	for want := range 2 {
		if planned, why := a.send(one, alert); planned != 1-want {
			t.Errorf("without a fingerprint: planned %d, %s", planned, why)
		}
	}
}

// What was only planned in shadow may be done once the policy may act.
func TestAlertActsAfterShadow(t *testing.T) {
	t.Parallel()
	a := newAlerted(t)
	alert := staleAlert(nil)
	a.send(a.agent(a.policy("p", "o", repair.Shadow, "alert.Stale")), alert)
	if a.asked.Load() != 0 {
		t.Error("shadow asked")
	}
	active := a.agent(a.policy("p", "o", repair.Auto, "alert.Stale"))
	a.send(active, alert)
	if a.send(active, alert); a.asked.Load() != 1 {
		t.Errorf("asked %d times", a.asked.Load())
	}
}

// An alert without labels of a dataset finds the dataset whose repairs name it. Where
// none is planned, the answer and the log say why.
func TestAlertFindsItsDatasetOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		labels map[string]string
		alert  string
		want   string // of the answer; "" plans
	}{
		"named by one dataset":     {nil, "Stale", ""},
		"other labels":             {map[string]string{"job": "x", "severity": "page"}, "Stale", ""},
		"its warehouse alone":      {map[string]string{"warehouse": "w"}, "Stale", ""},
		"another warehouse":        {map[string]string{"warehouse": "v"}, "Stale", "no repair names it"},
		"named by two datasets":    {nil, "Late", "the repairs of several datasets name it (w.main.o, w.main.q)"},
		"named by none":            {nil, "Else", "want on: [alert.Else]"},
		"switched off":             {nil, "Off", "want on: [alert.Off], and a mode that is not off"},
		"a dataset without it":     {map[string]string{"warehouse": "w", "dataset": "main.q"}, "Stale", "no repair of w.main.q names it"},
		"a dataset that is not":    {map[string]string{"warehouse": "w", "dataset": "main.x"}, "Stale", `has the labels warehouse="w" and dataset="main.x"`},
		"one of two, by its label": {map[string]string{"warehouse": "w", "dataset": "main.q"}, "Late", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAlerted(t)
			agent := a.agent(a.policy("p", "o", repair.Auto, "alert.Stale"), a.policy("q", "o", repair.Auto, "alert.Late"),
				a.policy("r", "q", repair.Auto, "alert.Late"), a.policy("s", "q", repair.Off, "alert.Off"))
			planned, why := a.send(agent, repair.Alert{Name: c.alert, Fingerprint: "f", Start: firing, Labels: c.labels})
			if (planned == 1) != (c.want == "") || !strings.Contains(why, c.want) {
				t.Errorf("planned %d: %s", planned, why)
			}
			if c.want != "" && !strings.Contains(a.log.String(), "an alert starts no repair") {
				t.Errorf("the log does not say so: %s", a.log.String())
			}
		})
	}
}
