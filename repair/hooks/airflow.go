package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("airflow", func() repair.Action { return &Airflow{} }) }

// Airflow triggers a DAG run through Apache Airflow's stable REST API, or clears tasks
// of a run that exists, and follows the run to its end. A triggered run is named after
// the repair, so it is found again and never triggered twice.
type Airflow struct {
	URL          string            `yaml:"url" required:"true" doc:"Address of the web server."`
	API          string            `yaml:"api" default:"v2" enum:"v2,v1" doc:"Version of the API: v2 for Airflow 3, v1 for Airflow 2."`
	DAG          string            `yaml:"dag" required:"true" doc:"Id of the DAG."`
	Conf         map[string]string `yaml:"conf" doc:"Values for the run. Placeholders are filled in."`
	Clear        *AirflowClear     `yaml:"clear" doc:"Clear tasks of a run instead of triggering one."`
	UndoDAG      string            `yaml:"undo_dag" doc:"DAG that undoes what the run did."`
	Token        sentinel.Secret   `yaml:"token" doc:"Bearer token."`
	User         string            `yaml:"user" doc:"User name, instead of token."`
	Password     sentinel.Secret   `yaml:"password" doc:"Password, with user."`
	Bucket       string            `yaml:"bucket" default:"day" enum:"hour,day,week,month" doc:"Length of a window."`
	Timeout      time.Duration     `yaml:"timeout" default:"1h" doc:"Longest wait for the run."`
	Poll         time.Duration     `yaml:"poll" default:"15s" doc:"How often the state is read."`
	AllowPrivate bool              `yaml:"allow_private" doc:"Allow link-local addresses."`
}

// AirflowClear names the tasks to run again.
type AirflowClear struct {
	Run        string   `yaml:"run" required:"true" doc:"dag_run_id, such as scheduled__{day}T00:00:00+00:00."`
	Tasks      []string `yaml:"tasks" doc:"Tasks to clear. Default: all of the run."`
	Succeeded  bool     `yaml:"succeeded" doc:"Also clear tasks that succeeded."`
	Downstream bool     `yaml:"downstream" doc:"Also clear the tasks that depend on them."`
}

// airflowDetails is what a plan stores of the request. {repair} stands for the repair's
// id.
type airflowDetails struct {
	DAG   string
	Run   string          // to be cleared; "" where one is triggered
	Clear json.RawMessage `json:",omitempty"`
	Conf  json.RawMessage `json:",omitempty"`
}

// Validate implements Action.
func (a *Airflow) Validate() error {
	if err := settings.Complete(a); err != nil {
		return err
	}
	a.URL = strings.TrimRight(a.URL, "/")
	if err := errors.Join(checkShownURL("url", a.URL), checkDurations(a.Timeout, a.Poll)); err != nil {
		return err
	}
	switch {
	case a.DAG == "":
		return settings.Wrong("dag", "want the id of a DAG")
	case a.Token.IsZero() && (a.User == "" || a.Password.IsZero()):
		return settings.Wrong("token", "want a token, or user and password")
	case a.Clear != nil && a.Clear.Run == "":
		return settings.Wrong("clear.run", "want a dag_run_id, such as scheduled__{day}T00:00:00+00:00")
	case a.Clear != nil && len(a.Conf) > 0:
		return settings.Wrong("conf", "a cleared run keeps its own: leave it out")
	case a.Clear != nil:
		return checkPlaceholders("clear.run", a.Clear.Run)
	}
	return checkAllPlaceholders("conf", a.Conf)
}

// Plan implements Action.
func (a *Airflow) Plan(_ context.Context, _ *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	s, noWindow := payloadOf(trigger, a.Bucket)
	details := airflowDetails{DAG: a.DAG}
	if details.Conf, err = a.conf(s); err != nil {
		return plan, err
	}
	step := sentinel.Step{Name: "trigger", Do: []string{"POST " + a.path(a.DAG, "dagRuns") + " as " +
		runName("{repair}", false) + " with conf " + string(details.Conf)}, NoUndo: "no undo_dag is configured"}
	summary := "trigger DAG " + a.DAG + " on " + a.URL
	asked := slices.Collect(maps.Values(a.Conf))
	if c := a.Clear; c != nil {
		asked = []string{c.Run}
		details.Run = s.fill(c.Run)
		body := map[string]any{"dry_run": false, "dag_run_id": details.Run, "only_failed": !c.Succeeded,
			"reset_dag_runs": true, "include_downstream": c.Downstream}
		if len(c.Tasks) > 0 {
			body["task_ids"] = c.Tasks
		}
		if details.Clear, err = json.Marshal(body); err != nil {
			return plan, err
		}
		step.Name, step.Do = "clear", []string{"POST " + a.path(a.DAG, "clearTaskInstances") + " " + string(details.Clear)}
		summary = "clear run " + details.Run + " of DAG " + a.DAG + " on " + a.URL
	}
	if noWindow != nil && needsWindow(asked...) {
		return plan, noWindow
	}
	if a.UndoDAG != "" {
		step.Undo, step.NoUndo = []string{"POST " + a.path(a.UndoDAG, "dagRuns") + " as " + runName("{repair}",
			true)}, ""
	}
	plan = hookPlan("airflow", trigger, summary, step)
	if a.Clear != nil && a.Clear.Succeeded {
		plan.Guarantee = sentinel.AtLeastOnce // tasks that were cleared look like ones that were not, once they have run
	}
	plan.Details, err = json.Marshal(details)
	return plan, err
}

// conf returns the run's conf: the configured one, and under "sentinel" what the run is
// for.
func (a *Airflow) conf(s payload) (json.RawMessage, error) {
	s.Repair = "{repair}"
	conf := map[string]any{"sentinel": s}
	for k, v := range a.Conf {
		conf[k] = s.fill(v)
	}
	return json.Marshal(conf)
}

// Stage implements Action.
func (a *Airflow) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action.
func (a *Airflow) Apply(ctx context.Context, run *repair.Run) error {
	run.Failpoint("before_apply")
	var details airflowDetails
	if err := json.Unmarshal(run.Repair.Plan.Details, &details); err != nil {
		return err
	}
	if a.Clear != nil {
		return a.clear(ctx, run, details)
	}
	return a.trigger(ctx, run, details, false)
}

// Rollback implements Action.
func (a *Airflow) Rollback(ctx context.Context, run *repair.Run) error {
	if a.UndoDAG == "" {
		return &repair.RefusedError{Why: "no undo_dag is configured"}
	}
	var details airflowDetails
	if err := json.Unmarshal(run.Repair.Plan.Details, &details); err != nil {
		return err
	}
	details.DAG = a.UndoDAG
	return a.trigger(ctx, run, details, true)
}

// runName is the dag_run_id of a repair.
func runName(repair string, undo bool) string {
	return "sentinel__" + repair + map[bool]string{true: "__undo"}[undo]
}

// trigger follows the DAG run that a repair triggers.
func (a *Airflow) trigger(ctx context.Context, run *repair.Run, details airflowDetails, undo bool) error {
	api := airflowAPI{a, run}
	triggered := triggeredRun{api: api, dag: details.DAG, name: runName(run.Repair.ID, undo), conf: details.Conf}
	return follower{run: run, poll: a.Poll, timeout: a.Timeout}.step(ctx, triggered, undo)
}

// clear follows the DAG run whose tasks a repair clears.
func (a *Airflow) clear(ctx context.Context, run *repair.Run, details airflowDetails) error {
	cleared := clearedRun{api: airflowAPI{a, run}, details: details, note: "cleared by sentinel, repair " + run.Repair.ID}
	return follower{run: run, poll: a.Poll, timeout: a.Timeout}.step(ctx, cleared, false)
}
