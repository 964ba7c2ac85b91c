package hooks

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("kubernetes", func() repair.Action { return &Kubernetes{} }) }

// Kubernetes restarts a Deployment, or runs a Job made from a CronJob, and follows it
// to its end. It uses the API server with the service account of its pod. The Job is
// named after the repair, and the restart is annotated with its id, so neither happens
// twice.
type Kubernetes struct {
	Restart      string            `yaml:"restart" doc:"Deployment to restart."`
	CronJob      string            `yaml:"cronjob" doc:"CronJob to run now, instead of restart."`
	Undo         string            `yaml:"undo_cronjob" doc:"CronJob that undoes what the job did."`
	Namespace    string            `yaml:"namespace" doc:"Namespace. Default: the pod's."`
	Env          map[string]string `yaml:"env" doc:"Variables to add to the job's containers. Placeholders are filled in."`
	Bucket       string            `yaml:"bucket" default:"day" enum:"hour,day,week,month" doc:"Length of a window."`
	Timeout      time.Duration     `yaml:"timeout" default:"30m" doc:"Longest wait for the end."`
	Poll         time.Duration     `yaml:"poll" default:"15s" doc:"How often the state is read."`
	Server       string            `yaml:"server" doc:"Address of the API server. Default: the cluster's."`
	Account      string            `yaml:"account" default:"/var/run/secrets/kubernetes.io/serviceaccount" doc:"Directory of token, ca.crt and namespace."`
	AllowPrivate bool              `yaml:"allow_private" doc:"Allow link-local addresses."`
}

const (
	accountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"
	repairAnnotation = "sentinel-dq.github.io/repair"
	restartedAt      = "kubectl.kubernetes.io/restartedAt" // where kubectl rollout restart writes too
)

var kubernetesName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`) })

// kubernetesDetails is what a plan keeps.
type kubernetesDetails struct {
	Namespace string
	Restart   string            `json:",omitempty"`
	CronJob   string            `json:",omitempty"`
	Env       map[string]string `json:",omitempty"` // with {repair} where the repair's id goes
}

// Validate implements Action.
func (k *Kubernetes) Validate() error {
	if err := settings.Complete(k); err != nil {
		return err
	}
	k.Server = strings.TrimRight(k.Server, "/")
	if err := checkDurations(k.Timeout, k.Poll); err != nil {
		return err
	}
	switch {
	case k.Restart == "" && k.CronJob == "":
		return settings.Wrong("cronjob", "want either restart: a Deployment, or cronjob: a CronJob")
	case k.Restart != "" && k.CronJob != "":
		return settings.Wrong("restart", "want either restart: a Deployment, or cronjob: a CronJob")
	}
	for _, n := range []struct{ field, name string }{
		{"restart", k.Restart}, {"cronjob", k.CronJob}, {"undo_cronjob", k.Undo}, {"namespace", k.Namespace},
	} {
		if n.name != "" && (len(n.name) > 253 || !kubernetesName().MatchString(n.name)) {
			return settings.Wrong(n.field, "%q is no name of Kubernetes", n.name)
		}
	}
	if k.Server != "" {
		if err := checkShownURL("server", k.Server); err != nil {
			return err
		}
	}
	if k.Restart != "" && k.Undo != "" {
		return settings.Wrong("undo_cronjob", "restart takes neither env nor undo_cronjob")
	}
	if k.Restart != "" && len(k.Env) > 0 {
		return settings.Wrong("env", "restart takes neither env nor undo_cronjob")
	}
	return checkAllPlaceholders("env", k.Env)
}

// Plan implements Action.
func (k *Kubernetes) Plan(_ context.Context, _ *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	details := kubernetesDetails{Namespace: k.Namespace, Restart: k.Restart, CronJob: k.CronJob}
	if details.Namespace == "" {
		name, err := os.ReadFile(filepath.Join(k.Account, "namespace"))
		if err != nil {
			return plan, &repair.RefusedError{Why: "namespace: none is configured, and this is no pod: " + err.Error()}
		}
		details.Namespace = strings.TrimSpace(string(name))
	}
	s, noWindow := payloadOf(trigger, k.Bucket)
	details.Env = k.environment(s)
	var step sentinel.Step
	var summary string
	if k.Restart != "" {
		summary = "restart Deployment " + details.Namespace + "/" + k.Restart
		step = sentinel.Step{Name: "restart", Do: []string{"PATCH " + deployment(details) + " annotation " +
			repairAnnotation + "={repair}"}, NoUndo: "a restart cannot be rolled back"}
	} else {
		for _, v := range k.Env {
			if noWindow != nil && needsWindow(v) {
				return plan, noWindow
			}
		}
		summary = "run a Job of CronJob " + details.Namespace + "/" + k.CronJob
		step = sentinel.Step{Name: "run", Do: []string{"POST " + jobs(details) + " " + jobName("{repair}", false) +
			" from CronJob " + k.CronJob}, NoUndo: "no undo_cronjob is configured"}
		if k.Undo != "" {
			step.Undo, step.NoUndo = []string{"POST " + jobs(details) + " " + jobName("{repair}", true) +
				" from CronJob " + k.Undo}, ""
		}
	}
	plan = hookPlan("kubernetes", trigger, summary, step)
	plan.Details, err = json.Marshal(details)
	return plan, err
}

// environment returns the variables of the Job's containers. They are those that exec
// gives to a program.
func (k *Kubernetes) environment(s payload) map[string]string {
	if k.Restart != "" {
		return nil
	}
	s.Repair = "{repair}"
	env := environmentOf(s)
	env["SENTINEL_REPAIR_ID"] = s.Repair
	for name, v := range k.Env {
		env[name] = s.fill(v)
	}
	return env
}

// Stage implements Action.
func (k *Kubernetes) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action.
func (k *Kubernetes) Apply(ctx context.Context, run *repair.Run) error {
	run.Failpoint("before_apply")
	var details kubernetesDetails
	if err := json.Unmarshal(fillRepairID(run.Repair.Plan.Details, run), &details); err != nil {
		return err
	}
	api := kubernetesAPI{k, run, details}
	if details.Restart != "" {
		return k.follow(ctx, run, restartedDeployment{api}, false)
	}
	return k.follow(ctx, run, cronJobRun{api, details.CronJob, jobName(run.Repair.ID, false)}, false)
}

// Rollback implements Action.
func (k *Kubernetes) Rollback(ctx context.Context, run *repair.Run) error {
	var details kubernetesDetails
	if err := json.Unmarshal(fillRepairID(run.Repair.Plan.Details, run), &details); err != nil {
		return err
	}
	switch {
	case details.Restart != "":
		return &repair.RefusedError{Why: "a restart cannot be rolled back"}
	case k.Undo == "":
		return &repair.RefusedError{Why: "no undo_cronjob is configured"}
	}
	api := kubernetesAPI{k, run, details}
	return k.follow(ctx, run, cronJobRun{api, k.Undo, jobName(run.Repair.ID, true)}, true)
}

// follow takes a job one step on.
func (k *Kubernetes) follow(ctx context.Context, run *repair.Run, remote remoteJob, undo bool) error {
	return follower{run: run, poll: k.Poll, timeout: k.Timeout}.step(ctx, remote, undo)
}

func deployment(details kubernetesDetails) string {
	return "/apis/apps/v1/namespaces/" + details.Namespace + "/deployments/" + details.Restart
}

func jobs(details kubernetesDetails) string {
	return "/apis/batch/v1/namespaces/" + details.Namespace + "/jobs"
}
