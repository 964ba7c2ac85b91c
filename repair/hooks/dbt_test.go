package hooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

func TestDBTBuildsBadWindow(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	r, _ := carried(t, "dbt", &hooks.DBT{
		Program: script(t, `for a in "$@"; do echo "$a"; done > args; env > env`), Project: project, Target: "prod",
		Select: []string{"orders", "+daily"}, Vars: map[string]string{"day": "{day}", "by": "{repair}"}, Microbatch: true,
		Env: map[string]sentinel.Secret{"DBT_PASSWORD": sentinel.NewSecret("s3cret")},
	})
	ended{sentinel.RepairSucceeded, "verified", 0}.check(t, r, 0)
	args, err := os.ReadFile(filepath.Join(project, "args"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{"build", "--select", "orders", "+daily", "--project-dir", project, "--profiles-dir", project, "--no-use-colors", "--target", "prod",
		"--vars", `{"by":"` + r.ID + `","day":"2026-03-11"}`, "--event-time-start", "2026-03-11T00:00:00", "--event-time-end", "2026-03-12T00:00:00", ""}, "\n")
	if string(args) != want {
		t.Errorf("ran with\n%s\nwant\n%s", args, want)
	}
	env, err := os.ReadFile(filepath.Join(project, "env"))
	if err != nil || !strings.Contains(string(env), "DBT_PASSWORD=s3cret") || !strings.Contains(string(env), "SENTINEL_REPAIR_ID="+r.ID) || !strings.Contains(string(env), "SENTINEL_WINDOW_START=2026-03-11T00:00:00Z") {
		t.Errorf("%v: in\n%s", err, env)
	}
	if do := r.Plan.Steps[0].Do[0]; r.Plan.Guarantee != sentinel.LookedUp || !strings.Contains(do, `--vars '{"by":"{repair}","day":"2026-03-11"}'`) {
		t.Errorf("plan: %s, %s", r.Plan.Guarantee, do)
	}
}

func TestDBTFailureIsFinal(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	failing := &hooks.DBT{Program: script(t, "echo x >> runs; echo 'Done. PASS=0 ERROR=1'; exit 1"), Project: project, Select: []string{"orders"}}
	r, _ := carried(t, "dbt", failing)
	runs, err := os.ReadFile(filepath.Join(project, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	ended{sentinel.DeadLetter, "exit status 1: Done. PASS=0 ERROR=1", 1}.check(t, r, strings.Count(string(runs), "x"))
	if r.Plan.Guarantee != sentinel.AtLeastOnce {
		t.Errorf("a model that need not be idempotent: %s", r.Plan.Guarantee)
	}
	b := repairtest.New(t, "sqlite")
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	r, _ = carriedFrom(t, b, "dbt", &hooks.DBT{Program: "/bin/true", Project: project, Select: []string{"orders"}})
	ended{sentinel.DeadLetter, "is not rolled back", 0}.check(t, r, 0)
}

func TestWindowPlaceholdersNeedWindow(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]repair.Action{
		"dbt": &hooks.DBT{Project: "/srv/dbt", Select: []string{"orders"}, Microbatch: true},
		"airflow": &hooks.Airflow{URL: "https://airflow.example.com", DAG: "reload",
			Token: sentinel.NewSecret("t"), Clear: &hooks.AirflowClear{Run: "scheduled__{day}"}},
		"kubernetes": &hooks.Kubernetes{CronJob: "reload", Namespace: "etl", Env: map[string]string{"FROM": "{window_start}"}},
	} {
		if err := a.Validate(); err != nil {
			t.Fatal(err)
		}
		_, err := a.Plan(t.Context(), nil, repair.Trigger{Incident: sentinel.Incident{Key: "late"}})
		if err == nil || !strings.Contains(err.Error(), "does not report which window") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// cloudOf is dbt Cloud with one job, whose run goes through the given states,
// among runs that others have caused.
func cloudOf(t *testing.T, trigger func(w http.ResponseWriter, begin func(), n int), states ...string) *remote {
	t.Helper()
	var cause atomic.Value
	cause.Store("")
	var polls atomic.Int32
	return newRemote(t, func(w http.ResponseWriter, a asked, n int) {
		if a.Method == http.MethodPost {
			var body struct{ Cause string }
			if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
				t.Error(err)
			}
			trigger(w, func() { cause.Store(body.Cause) }, n)
			return
		}
		runs := `{"id": 7, "status": 20, "is_complete": true, "trigger": {"cause": "scheduled"}}, {"id": 6, "status": 10, "is_complete": true, "trigger": null}`
		if c := cause.Load().(string); c != "" {
			runs += fmt.Sprintf(`, {"id": 8, "trigger": {"cause": %q}, %s}`, c, states[min(int(polls.Add(1)), len(states))-1])
		}
		says(w, 200, `{"status": {"code": 200}, "data": [`+runs+`]}`)
	})
}

func TestDBTCloudJobRunsOnce(t *testing.T) {
	t.Parallel()
	const running, good = `"status": 3, "status_humanized": "Running"`, `"status": 10, "is_complete": true`
	const bad = `"status": 20, "is_complete": true, "status_humanized": "Error", "status_message": "model orders failed", "href": "https://cloud.example.com/runs/8"`
	for name, c := range map[string]struct {
		trigger func(w http.ResponseWriter, begin func(), n int)
		states  []string
		want    ended
	}{
		"well":                    {accepted, []string{running, good}, ended{sentinel.RepairSucceeded, "verified", 1}},
		"C42: the reply was lost": {func(w http.ResponseWriter, begin func(), _ int) { begin(); lose(w) }, []string{good}, ended{sentinel.RepairSucceeded, "", 1}},
		"it fails":                {accepted, []string{running, bad}, ended{sentinel.DeadLetter, "run 8 of dbt Cloud job 42 did not succeed: Error model orders failed https://cloud.example.com/runs/8", 1}},
		"it is stuck":             {accepted, []string{running}, ended{sentinel.DeadLetter, "did not end within 30m0s", 1}},
		"a wrong token":           {func(w http.ResponseWriter, _ func(), _ int) { says(w, 401, `Invalid token.`) }, nil, ended{sentinel.DeadLetter, "Invalid token", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := cloudOf(t, c.trigger, c.states...)
			r, _ := carried(t, "dbt", &hooks.DBT{Select: []string{"orders"}, Vars: map[string]string{"day": "{day}"}, Timeout: 30 * time.Minute, Cloud: &hooks.DBTCloud{URL: server.URL, Account: 1, Job: 42,
				Token: sentinel.NewSecret("s3cret")}})
			posts := server.seen("POST", "/api/v2/accounts/1/jobs/42/run/")
			c.want.check(t, r, len(posts))
			if want := fmt.Sprintf(`{"cause":"sentinel repair %s","steps_override":["dbt build --select orders --vars '{\"day\":\"2026-03-11\"}'"]}`, r.ID); posts[0].Body != want || posts[0].Auth != "Token s3cret" {
				t.Errorf("asked %+v", posts[0])
			}
			if polls := server.seen("GET", "/api/v2/accounts/1/runs/"); !strings.Contains(polls[0].Query, "job_definition_id=42") {
				t.Errorf("polled with %s", polls[0].Query)
			}
		})
	}
}

func TestHookValidation(t *testing.T) {
	t.Parallel()
	cloud := &hooks.DBTCloud{Account: 1, Job: 2, Token: sentinel.NewSecret("t")}
	clear := &hooks.AirflowClear{Run: "scheduled__{dya}"}
	for want, a := range map[string]repair.Action{
		"url: want an address": &hooks.Airflow{URL: "airflow.example.com", DAG: "d",
			Token: sentinel.NewSecret("t")},
		"api: unknown word \"v3\"": &hooks.Airflow{URL: "http://a", API: "v3", DAG: "d",
			Token: sentinel.NewSecret("t")},
		"dag: want": &hooks.Airflow{URL: "http://a", Token: sentinel.NewSecret("t")},
		"token: want a token, or user and password": &hooks.Airflow{URL: "http://a", DAG: "d", User: "u"},
		"clear.run: unknown placeholder {dya}": &hooks.Airflow{URL: "http://a", DAG: "d",
			Token: sentinel.NewSecret("t"), Clear: clear},
		"conf[\"day\"]: unknown placeholder {date}": &hooks.Airflow{URL: "http://a", DAG: "d",
			Token: sentinel.NewSecret("t"), Conf: map[string]string{"day": "{date}"}},
		"want either restart":                          &hooks.Kubernetes{},
		"cronjob: \"../x\" is no name":                 &hooks.Kubernetes{CronJob: "../x"},
		"restart takes neither env":                    &hooks.Kubernetes{Restart: "x", Undo: "y"},
		"bucket: unknown word \"year\"":                &hooks.Kubernetes{CronJob: "x", Bucket: "year"},
		"timeout: must be positive":                    &hooks.Kubernetes{CronJob: "x", Timeout: -1},
		"select: want at least one":                    &hooks.DBT{Project: "/p"},
		"select[0]: \"--profiles-dir\" is no selector": &hooks.DBT{Project: "/p", Select: []string{"--profiles-dir"}},
		"project: want the absolute path":              &hooks.DBT{Project: "p", Select: []string{"x"}},
		"leave microbatch out":                         &hooks.DBT{Project: "/p", Select: []string{"x"}, Microbatch: true, FullRefresh: true},
		"cloud.account: want the id":                   &hooks.DBT{Cloud: &hooks.DBTCloud{}},
		"the job there has its own program":            &hooks.DBT{Cloud: cloud, Project: "/p"},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v; want %s", a, err, want)
		}
	}
}
