package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// alertmanagerProgram is the one of Debian or of the project's releases;
// scripts/deps.sh installs it.
func alertmanagerProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"prometheus-alertmanager", "alertmanager"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no alertmanager: run scripts/deps.sh")
	return ""
}

// startAlertmanager starts one on a port and waits until it is ready.
func startAlertmanager(t *testing.T, address string) (stop func()) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "am.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: none}\nreceivers: [{name: none}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(
		alertmanagerProgram(t),
		"--config.file="+config,
		"--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address,
		"--cluster.listen-address=",
	)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	eventually(t, "alertmanager is ready", func() bool {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == 200
	})
	return stop
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// active are the alerts that fire at an Alertmanager.
func active(t *testing.T, address string) (alerts []struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}) {
	t.Helper()
	resp, err := http.Get("http://" + address + "/api/v2/alerts?active=true")
	if err != nil {
		return nil // between two lives
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	return alerts
}

// A real Alertmanager shows an incident from its beginning to its end, knows it
// again after a restart, and would forget it if the agent fell silent.
func TestRealAlertmanager(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	stop := startAlertmanager(t, address)
	a := newAgent(t, to("am"))
	am := &notify.Alertmanager{
		URL:    []sentinel.Secret{sentinel.NewSecret("http://" + freeAddress(t)), sentinel.NewSecret("http://" + address)},
		Every:  20 * time.Millisecond,
		Expire: time.Hour,
	}
	d := a.dispatcher(notify.Channel{Name: "am", Notifier: am})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { d.Run(ctx, nil, nil) })
	t.Cleanup(func() { cancel(); run.Wait() })

	one := incident(1)
	one.Opened = time.Now().Add(-time.Minute).Truncate(time.Millisecond).UTC()
	a.record(time.Now(), one)
	eventually(t, "the alert fires", func() bool { return len(active(t, address)) == 1 })
	alert := active(t, address)[0]
	if alert.Labels["dataset"] != "shop.public.orders_1" || alert.Labels["tier"] != "critical" ||
		alert.Annotations["incident"] != "inc0001" ||
		alert.Annotations["runbook_url"] == "" ||
		!alert.StartsAt.Equal(one.Opened) ||
		time.Until(alert.EndsAt) < 55*time.Minute {
		t.Errorf("%+v", alert)
	}

	stop()
	startAlertmanager(t, address)
	eventually(t, "it fires again after a restart", func() bool { return len(active(t, address)) == 1 })

	over := resolved(a.known["inc0001"], 0)
	over.Resolved = time.Now().UTC()
	a.record(time.Now(), over)
	eventually(t, "it ends", func() bool { return a.count(store.OutboxSent) == 2 && len(active(t, address)) == 0 })
}

// An incident that ends while what is open is repeated does not burn on at the
// receiver, whichever agent was notified of its end.
func TestRepeatingDoesNotReviveWhatIsOver(t *testing.T) {
	t.Parallel()
	a := newAgent(t, to("am"))
	var end func()
	r := answering(t, func(n int, _ http.ResponseWriter, _ *http.Request) {
		if n == 2 { // the first repetition; the other agent is faster
			end()
		}
	})
	d := a.dispatcher(
		notify.Channel{
			Name:     "am",
			Notifier: &notify.Alertmanager{URL: []sentinel.Secret{sentinel.NewSecret(r.URL)}, Every: 20 * time.Millisecond},
		},
	)
	over := make(chan time.Time, 1)
	end = func() {
		i := resolved(a.known["inc0001"], time.Hour)
		batch := store.Batch{Incidents: []sentinel.Incident{i}}
		if _, err := a.store.Record(context.WithoutCancel(t.Context()), batch); err != nil {
			t.Error(err)
		}
		over <- i.Resolved
	}
	running(t, d)
	a.record(time.Now(), incident(1))
	eventually(t, "its end is posted", func() bool { return len(r.got()) >= 3 })
	var alerts []struct{ EndsAt time.Time }
	if err := json.Unmarshal([]byte(r.got()[2].Body), &alerts); err != nil {
		t.Fatal(err)
	}
	if want := <-over; len(alerts) != 1 || !alerts[0].EndsAt.Equal(want) {
		t.Errorf("%+v, want an end at %s", alerts, want)
	}
}

// The tier is a label. When it rises, the alerts with the lower tiers end.
func TestAnAlertOfALowerTierEnds(t *testing.T) {
	t.Parallel()
	var alerts []struct {
		Labels map[string]string
		EndsAt time.Time
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&alerts); err != nil {
			t.Error(err)
		}
	}))
	defer receiver.Close()
	channel := &notify.Alertmanager{URL: []sentinel.Secret{sentinel.NewSecret(receiver.URL)}}
	if err := channel.Validate(); err != nil {
		t.Fatal(err)
	}
	n := newNotice(notify.Worsened, incident(1))
	if _, err := channel.Notify(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{} // whether the alert of a tier goes on
	for _, a := range alerts {
		got[a.Labels["tier"]] = a.EndsAt.After(n.At)
	}
	if len(alerts) != 3 || !got["critical"] || got["warning"] || got["info"] {
		t.Errorf("%+v", alerts)
	}
}
