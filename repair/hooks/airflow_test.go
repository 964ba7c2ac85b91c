package hooks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// airflowOf is a server that knows the DAG reload. A run begins when it is
// triggered, and goes through the given states, one each time it is asked for.
func airflowOf(t *testing.T, trigger func(w http.ResponseWriter, begin func(), n int), states ...string) *remote {
	t.Helper()
	var triggered atomic.Bool
	var polls atomic.Int32
	return newRemote(t, func(w http.ResponseWriter, a asked, n int) {
		switch {
		case strings.HasSuffix(a.Path, "/dags/reload"):
			says(w, 200, `{"dag_id": "reload", "is_paused": false}`)
		case strings.HasSuffix(a.Path, "/dagRuns"):
			trigger(w, func() { triggered.Store(true) }, n)
		case strings.HasSuffix(a.Path, "/taskInstances"):
			says(w, 200, `{"task_instances": [{"task_id": "load"}], "total_entries": 1}`)
		case !triggered.Load():
			says(w, 404, `{"detail": "not found"}`)
		default:
			i := min(int(polls.Add(1)), len(states)) - 1
			if states[i] == "" {
				says(w, 404, `{"detail": "not found"}`)
				return
			}
			says(w, 200, `{"dag_run_id": "x", "state": "`+states[i]+`", "note": null}`)
		}
	})
}

func accepted(w http.ResponseWriter, begin func(), _ int) {
	begin()
	says(w, 200, `{"state": "queued"}`)
}

func TestAirflowTriggersRunOnce(t *testing.T) {
	t.Parallel()
	server := airflowOf(t, accepted, "queued", "running", "success")
	r, messages := carried(t, "airflow", &hooks.Airflow{URL: server.URL + "/", DAG: "reload", Conf: map[string]string{"day": "{day}", "table": "{table}"},
		Token: sentinel.NewSecret("s3cret")})
	posts := server.seen("POST", "/api/v2/dags/reload/dagRuns")
	ended{sentinel.RepairSucceeded, "verified", 1}.check(t, r, len(posts))
	var body struct {
		ID   string          `json:"dag_run_id"`
		Date json.RawMessage `json:"logical_date"`
		Conf struct {
			Day, Table string
			Sentinel   map[string]string
		}
	}
	b := posts[0]
	if err := json.Unmarshal([]byte(b.Body), &body); err != nil || body.ID != "sentinel__"+r.ID || string(body.Date) != "null" || b.Auth != "Bearer s3cret" {
		t.Errorf("asked %+v, %v", b, err)
	}
	about := body.Conf.Sentinel
	if body.Conf.Day != "2026-03-11" || body.Conf.Table != "w.main.orders" || about["repair"] != r.ID || about["window_start"] != "2026-03-11T00:00:00Z" || about["window_end"] != "2026-03-12T00:00:00Z" {
		t.Errorf("conf %+v", body.Conf)
	}
	if said := strings.Join(messages, "\n"); !strings.Contains(said, "was requested") || !strings.Contains(said, "of DAG reload: running") {
		t.Errorf("on its way it said\n%s", said)
	}
	if do := r.Plan.Steps[0].Do[0]; r.Plan.Guarantee != sentinel.LookedUp || !strings.Contains(do, "POST "+server.URL+"/api/v2/dags/reload/dagRuns as sentinel__{repair}") {
		t.Errorf("plan: %s, %s", r.Plan.Guarantee, do)
	}
}

func TestAirflowFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trigger func(w http.ResponseWriter, begin func(), n int)
		states  []string
		want    ended
	}{
		"C42: the reply was lost, the run is there": {func(w http.ResponseWriter, begin func(), _ int) { begin(); lose(w) }, []string{"running", "success"}, ended{sentinel.RepairSucceeded, "", 1}},
		"C42: the request was lost": {func(w http.ResponseWriter, begin func(), n int) {
			if n == 1 {
				lose(w)
				return
			}
			accepted(w, begin, n)
		}, []string{"success"}, ended{sentinel.RepairSucceeded, "", 2}},
		"an earlier try's arrived after all": {func(w http.ResponseWriter, begin func(), _ int) { begin(); says(w, 409, `{"detail": "exists"}`) }, []string{"success"}, ended{sentinel.RepairSucceeded, "", 1}},
		"C41: busy, then well": {func(w http.ResponseWriter, begin func(), n int) {
			switch n {
			case 1:
				says(w, 500, "")
			case 2:
				w.Header().Set("Retry-After", "90")
				says(w, 429, "")
			default:
				accepted(w, begin, n)
			}
		}, []string{"success"}, ended{sentinel.RepairSucceeded, "", 3}},
		"C41: sent to a cloud's metadata": {func(w http.ResponseWriter, _ func(), _ int) {
			w.Header().Set("Location", "http://169.254.169.254/latest")
			w.WriteHeader(302)
		}, nil, ended{sentinel.DeadLetter, "302", 1}},
		"the run fails":       {accepted, []string{"running", "failed"}, ended{sentinel.DeadLetter, "did not succeed: failed tasks: load", 1}},
		"the run is stuck":    {accepted, []string{"running"}, ended{sentinel.DeadLetter, "did not end within 30m0s, and may still end", 1}},
		"somebody deleted it": {accepted, []string{"running", ""}, ended{sentinel.DeadLetter, "was removed before", 1}},
		"not allowed":         {func(w http.ResponseWriter, _ func(), _ int) { says(w, 403, `{"detail": "Forbidden"}`) }, nil, ended{sentinel.DeadLetter, "Forbidden", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := airflowOf(t, c.trigger, c.states...)
			r, _ := carried(t, "airflow", &hooks.Airflow{URL: server.URL, DAG: "reload",
				Token: sentinel.NewSecret("s3cret"), Timeout: 30 * time.Minute})
			c.want.check(t, r, len(server.seen("POST", "/dagRuns")))
		})
	}
}

func TestAirflowPausedDAGIsRefused(t *testing.T) {
	t.Parallel()
	paused := newRemote(t, func(w http.ResponseWriter, a asked, _ int) {
		if strings.HasSuffix(a.Path, "/dags/reload") {
			says(w, 200, `{"is_paused": true}`)
			return
		}
		says(w, 404, `{}`)
	})
	r, _ := carried(t, "airflow", &hooks.Airflow{URL: paused.URL, DAG: "reload", Token: sentinel.NewSecret("s3cret")})
	ended{sentinel.DeadLetter, "DAG reload is paused", 0}.check(t, r, len(paused.seen("POST", "")))
	r, _ = carried(t, "airflow", &hooks.Airflow{URL: paused.URL, DAG: "nowhere", Token: sentinel.NewSecret("s3cret")})
	ended{sentinel.DeadLetter, "there is no DAG nowhere", 0}.check(t, r, len(paused.seen("POST", "")))
}

func TestAirflowClearsTasksOnce(t *testing.T) {
	t.Parallel()
	for api, noted := range map[string]string{"v1": "/setNote", "v2": ""} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			clearsTasks(t, api, noted)
		})
	}
}

func clearsTasks(t *testing.T, api, noted string) {
	var note atomic.Value
	note.Store("")
	server := newRemote(t, func(w http.ResponseWriter, a asked, n int) {
		switch {
		case strings.HasSuffix(a.Path, "/dags/reload"):
			says(w, 200, `{"is_paused": false}`)
		case strings.HasSuffix(a.Path, "/clearTaskInstances") && n == 1:
			lose(w) // the reply, or the request: only failed tasks are cleared, so it is asked again
		case strings.HasSuffix(a.Path, "/clearTaskInstances"):
			says(w, 200, `{"task_instances": []}`)
		case a.Method == http.MethodPatch:
			var got struct{ Note string }
			if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
				t.Error(err)
			}
			note.Store(got.Note)
			says(w, 200, `{}`)
		default:
			state := map[bool]string{true: "success", false: "failed"}[note.Load() != ""]
			says(w, 200, `{"state": "`+state+`", "note": "`+note.Load().(string)+`"}`)
		}
	})
	r, _ := carried(t, "airflow", &hooks.Airflow{
		URL: server.URL, API: api, DAG: "reload", Token: sentinel.NewSecret("s3cret"),
		Clear: &hooks.AirflowClear{Run: "scheduled__{day}T00:00:00+00:00", Tasks: []string{"load"}, Downstream: true},
	})
	cleared := server.seen("POST", "/api/"+api+"/dags/reload/clearTaskInstances")
	ended{sentinel.RepairSucceeded, "", 2}.check(t, r, len(cleared))
	if want := `{"dag_run_id":"scheduled__2026-03-11T00:00:00+00:00","dry_run":false,"include_downstream":true,"only_failed":true,"reset_dag_runs":true,"task_ids":["load"]}`; cleared[0].Body != want {
		t.Errorf("asked %s", cleared[0].Body)
	}
	if patches := server.seen("PATCH", "/dagRuns/scheduled__2026-03-11T00:00:00+00:00"+noted); len(patches) != 1 || patches[0].Body != `{"note":"cleared by sentinel, repair `+r.ID+`"}` {
		t.Errorf("noted %+v", patches)
	}
}

func TestAirflow2BasicAuth(t *testing.T) {
	t.Parallel()
	server := airflowOf(t, accepted, "success")
	r, _ := carried(t, "airflow", &hooks.Airflow{URL: server.URL, API: "v1", DAG: "reload",
		User: "sentinel", Password: sentinel.NewSecret("s3cret")})
	posts := server.seen("POST", "/api/v1/dags/reload/dagRuns")
	ended{sentinel.RepairSucceeded, "", 1}.check(t, r, len(posts))
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("sentinel:s3cret")); posts[0].Auth != want || strings.Contains(posts[0].Body, "logical_date") {
		t.Errorf("asked %+v", posts[0])
	}
}

func TestAirflow3LoginAndRollback(t *testing.T) {
	t.Parallel()
	run := airflowOf(t, accepted, "success").Config.Handler
	undone := airflowOf(t, accepted, "running", "success").Config.Handler
	server := newRemote(t, func(http.ResponseWriter, asked, int) {})
	server.Config.Handler = server.handler(t, func(w http.ResponseWriter, a asked, _ int) {
		req, err := http.NewRequestWithContext(t.Context(), a.Method, a.Path, strings.NewReader(a.Body))
		if err != nil {
			t.Error(err)
			return
		}
		switch {
		case a.Path == "/auth/token":
			says(w, 201, `{"access_token": "of-today"}`)
		case strings.Contains(a.Path, "/dags/unload"):
			req.URL.Path = strings.Replace(req.URL.Path, "/dags/unload", "/dags/reload", 1)
			undone.ServeHTTP(w, req)
		default:
			run.ServeHTTP(w, req)
		}
	})
	b := repairtest.New(t, "sqlite")
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	r, _ := carriedFrom(t, b, "airflow", &hooks.Airflow{URL: server.URL, DAG: "reload", UndoDAG: "unload",
		User: "sentinel", Password: sentinel.NewSecret("s3cret")})
	back := server.seen("POST", "/dags/unload/dagRuns")
	ended{sentinel.RolledBack, "rolled back. the check is still bad", 1}.check(t, r, len(back))
	if !strings.Contains(back[0].Body, "sentinel__"+r.ID+"__undo") || back[0].Auth != "Bearer of-today" {
		t.Errorf("asked %+v", back[0])
	}
	if login := server.seen("POST", "/auth/token"); login[0].Body != `{"password":"s3cret","username":"sentinel"}` || login[0].Auth != "" {
		t.Errorf("logged in by %+v", login[0])
	}
}
