package hooks_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// clusterOf is an API server with TLS, and the directory of a service account
// that may speak to it.
func clusterOf(t *testing.T, answer func(w http.ResponseWriter, a asked, n int)) (server *remote, account string) {
	t.Helper()
	server, account = &remote{}, t.TempDir()
	server.Server = httptest.NewTLSServer(server.handler(t, answer))
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, data := range map[string]string{"ca.crt": string(authority), "token": "s3cret-1\n", "namespace": "etl\n"} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return server, account
}

const cronJob = `{"metadata": {"name": "reload", "uid": "u-1"}, "spec": {"schedule": "0 5 * * *", "jobTemplate": {
	"metadata": {"labels": {"app": "reload"}, "annotations": {"team": "data"}},
	"spec": {"backoffLimit": 2, "ttlSecondsAfterFinished": 60, "template": {"spec": {"restartPolicy": "Never", "containers": [
		{"name": "main", "image": "reload:1", "env": [{"name": "DAY", "value": "today"}, {"name": "KEEP", "value": "me"}]}]}}}}}}`

// jobsOf is a cluster whose Job goes through the given statuses.
func jobsOf(
	t *testing.T, create func(w http.ResponseWriter, begin func(), n int), statuses ...string,
) (*remote, string) {
	t.Helper()
	var created sync.Map // by path
	var polls atomic.Int32
	return clusterOf(t, func(w http.ResponseWriter, a asked, n int) {
		_, there := created.Load(a.Path)
		switch {
		case strings.HasSuffix(a.Path, "/cronjobs/reload"):
			says(w, 200, cronJob)
		case a.Method == http.MethodPost:
			var job struct{ Metadata struct{ Name string } }
			if err := json.Unmarshal([]byte(a.Body), &job); err != nil {
				t.Error(err)
			}
			create(w, func() { created.Store(a.Path+"/"+job.Metadata.Name, true) }, n)
		case !there:
			says(w, 404, `{"kind": "Status", "reason": "NotFound"}`)
		default:
			says(w, 200, `{"status": {`+statuses[min(int(polls.Add(1)), len(statuses))-1]+`}}`)
		}
	})
}

const (
	jobComplete = `"succeeded": 1, "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]`
	jobFailed   = `"failed": 3, "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]`
)

func TestKubernetesCreatesJobOnce(t *testing.T) {
	t.Parallel()
	server, account := jobsOf(t, accepted, `"active": 1`, `"active": 1`, jobComplete)
	r, messages := carried(t, "kubernetes", &hooks.Kubernetes{CronJob: "reload", Env: map[string]string{"DAY": "{day}"}, Server: server.URL, Account: account})
	posts := server.seen("POST", "/apis/batch/v1/namespaces/etl/jobs")
	ended{sentinel.RepairSucceeded, "verified", 1}.check(t, r, len(posts))
	var job struct {
		Kind     string
		Metadata struct {
			Name                string
			Labels, Annotations map[string]string
			OwnerReferences     []struct{ Kind, Name, UID string }
		}
		Spec struct {
			BackoffLimit, TTLSecondsAfterFinished int
			Template                              struct {
				Spec struct {
					RestartPolicy string
					Containers    []struct {
						Image string
						Env   []struct{ Name, Value string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(posts[0].Body), &job); err != nil {
		t.Fatal(err)
	}
	m, pod := job.Metadata, job.Spec.Template.Spec
	if job.Kind != "Job" || m.Name != "sentinel-"+r.ID || m.Labels["app"] != "reload" || m.Annotations["team"] != "data" || m.Annotations["sentinel-dq.github.io/repair"] != r.ID || m.OwnerReferences[0].UID != "u-1" {
		t.Errorf("made %+v", m)
	}
	if job.Spec.BackoffLimit != 2 || job.Spec.TTLSecondsAfterFinished != 86400 || pod.RestartPolicy != "Never" || pod.Containers[0].Image != "reload:1" {
		t.Errorf("made %s", posts[0].Body)
	}
	env := map[string]string{}
	for _, v := range pod.Containers[0].Env {
		if _, twice := env[v.Name]; twice {
			t.Errorf("%s is set twice", v.Name)
		}
		env[v.Name] = v.Value
	}
	if env["DAY"] != "2026-03-11" || env["KEEP"] != "me" || env["SENTINEL_REPAIR_ID"] != r.ID || env["SENTINEL_WINDOW_END"] != "2026-03-12T00:00:00Z" {
		t.Errorf("with %v", env)
	}
	if !strings.Contains(strings.Join(messages, "\n"), "1 pods active, 0 failed") || !strings.Contains(r.Plan.Steps[0].Do[0], "POST /apis/batch/v1/namespaces/etl/jobs sentinel-{repair}") {
		t.Errorf("said %q; plan %v", messages, r.Plan.Steps)
	}
}

func TestKubernetesJobFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		create   func(w http.ResponseWriter, begin func(), n int)
		cronJob  string
		statuses []string
		want     ended
	}{
		"C42: the reply was lost, the Job is there": {func(w http.ResponseWriter, begin func(), _ int) { begin(); lose(w) }, "reload", []string{jobComplete}, ended{sentinel.RepairSucceeded, "", 1}},
		"C42: the request was lost": {func(w http.ResponseWriter, begin func(), n int) {
			if n == 1 {
				lose(w)
				return
			}
			accepted(w, begin, n)
		}, "reload", []string{jobComplete}, ended{sentinel.RepairSucceeded, "", 2}},
		"an earlier try's arrived after all": {func(w http.ResponseWriter, begin func(), _ int) { begin(); says(w, 409, `{"reason": "AlreadyExists"}`) }, "reload", []string{jobComplete}, ended{sentinel.RepairSucceeded, "", 1}},
		"it fails":                           {accepted, "reload", []string{jobFailed}, ended{sentinel.DeadLetter, "BackoffLimitExceeded: Job has reached the specified backoff limit (kubectl logs -n etl job/sentinel-r", 1}},
		"it is stuck":                        {accepted, "reload", []string{`"active": 1`}, ended{sentinel.DeadLetter, "did not end within 30m0s", 1}},
		"there is none":                      {accepted, "nowhere", nil, ended{sentinel.DeadLetter, "there is no CronJob etl/nowhere", 0}},
		"not allowed": {func(w http.ResponseWriter, _ func(), _ int) {
			says(w, 403, `{"message": "cannot create resource jobs"}`)
		}, "reload", nil, ended{sentinel.DeadLetter, "cannot create resource jobs", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, account := jobsOf(t, c.create, c.statuses...)
			r, _ := carried(t, "kubernetes", &hooks.Kubernetes{CronJob: c.cronJob, Server: server.URL, Account: account})
			c.want.check(t, r, len(server.seen("POST", "/jobs")))
		})
	}
}

func TestKubernetesRollbackJob(t *testing.T) {
	t.Parallel()
	server, account := jobsOf(t, accepted, jobComplete)
	b := repairtest.New(t, "sqlite")
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	r, _ := carriedFrom(t, b, "kubernetes", &hooks.Kubernetes{CronJob: "reload", Undo: "reload", Server: server.URL, Account: account})
	posts := server.seen("POST", "/jobs")
	ended{sentinel.RolledBack, "rolled back", 2}.check(t, r, len(posts))
	if !strings.Contains(posts[1].Body, `"sentinel-`+r.ID+`-undo"`) {
		t.Errorf("made %s", posts[1].Body)
	}
}

// deploymentOf is a cluster whose Deployment loader is rolled out anew when it
// is patched, and goes through the given statuses then.
func deploymentOf(t *testing.T, account func() string, statuses ...string) (*remote, string) {
	t.Helper()
	var patched, polls atomic.Int32
	var repairID atomic.Value
	repairID.Store("")
	return clusterOf(t, func(w http.ResponseWriter, a asked, _ int) {
		if !strings.HasSuffix(a.Path, "/apis/apps/v1/namespaces/etl/deployments/loader") {
			says(w, 404, `{}`)
			return
		}
		if a.Method == http.MethodPatch {
			var body struct {
				Spec struct {
					Template struct {
						Metadata struct{ Annotations map[string]string }
					}
				}
			}
			if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
				t.Error(err)
			}
			repairID.Store(body.Spec.Template.Metadata.Annotations["sentinel-dq.github.io/repair"])
			if patched.Add(1) == 1 {
				lose(w) // it was done, and nobody knows
				return
			}
			says(w, 200, `{}`)
			return
		}
		status := `"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2`
		if repairID.Load() != "" {
			if err := os.WriteFile(filepath.Join(account(), "token"), []byte("s3cret-2"), 0o600); err != nil {
				t.Error(err)
			}
			status = statuses[min(int(polls.Add(1)), len(statuses))-1]
		}
		says(w, 200, `{"metadata": {"generation": 2}, "spec": {"replicas": 2, "template": {"metadata": {"annotations": {"sentinel-dq.github.io/repair": "`+repairID.Load().(string)+`"}}}}, "status": {`+status+`}}`)
	})
}

func TestKubernetesRestartsDeploymentOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statuses []string
		want     ended
	}{
		"rolled out": {[]string{
			`"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2`,
			`"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2`,
			`"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1`,
			`"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2`,
		}, ended{sentinel.RepairSucceeded, "verified", 1}},
		"the new pods do not come up": {[]string{
			`"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out progressing"}]`,
		}, ended{sentinel.DeadLetter, "has timed out progressing", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var directory string
			server, account := deploymentOf(t, func() string { return directory }, c.statuses...)
			directory = account
			r, _ := carried(t, "kubernetes", &hooks.Kubernetes{Restart: "loader", Server: server.URL, Account: account})
			patches := server.seen("PATCH", "/loader")
			c.want.check(t, r, len(patches))
			if p := patches[0]; p.Type != "application/strategic-merge-patch+json" || p.Auth != "Bearer s3cret-1" || !strings.Contains(p.Body, `"kubectl.kubernetes.io/restartedAt":"20`) || !strings.Contains(p.Body, r.ID) {
				t.Errorf("asked %+v", p)
			}
			polls := server.seen("GET", "/loader")
			if last := polls[len(polls)-1]; len(polls) > 2 && last.Auth != "Bearer s3cret-2" {
				t.Errorf("a renewed token is not read: %s", last.Auth)
			}
		})
	}
}

func TestKubernetesRestartHasNoRollback(t *testing.T) {
	t.Parallel()
	var directory string
	server, account := deploymentOf(t, func() string { return directory }, `"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2`)
	directory = account
	b := repairtest.New(t, "sqlite")
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	r, _ := carriedFrom(t, b, "kubernetes", &hooks.Kubernetes{Restart: "loader", Server: server.URL, Account: account})
	ended{sentinel.DeadLetter, "a restart cannot be rolled back", 1}.check(t, r, len(server.seen("PATCH", "/loader")))
}

func TestKubernetesNeedsCA(t *testing.T) {
	t.Parallel()
	server, _ := jobsOf(t, accepted, jobComplete)
	_, account := clusterOf(t, nil)
	if err := os.WriteFile(filepath.Join(account, "ca.crt"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _ := carried(t, "kubernetes", &hooks.Kubernetes{CronJob: "reload", Server: server.URL, Account: account})
	ended{sentinel.DeadLetter, "holds no certificate", 0}.check(t, r, len(server.seen("GET", "")))
}
