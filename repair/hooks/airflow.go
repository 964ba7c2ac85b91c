package hooks

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("airflow", func() repair.Action { return &Airflow{} }) }

// Airflow triggers a DAG run, or clears tasks of one that exists, through
// Apache Airflow's stable REST API, and follows it to its end. A triggered run
// is named after the repair, so that it is found again and never made twice.
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

// airflowDetails is what a plan keeps: what is asked for, with {repair} where the
// repair's id goes.
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
	if err := errors.Join(checkURL("url", a.URL), checkDurations(a.Timeout, a.Poll)); err != nil {
		return err
	}
	switch {
	case a.DAG == "":
		return settings.Wrong("dag", "want the id of a DAG")
	case a.Token == "" && (a.User == "" || a.Password == ""):
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

// conf is what a run is handed: what the configuration says, and under
// "sentinel" what it is for.
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
	return a.trigger(ctx, run, details, details.DAG, false)
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
	return a.trigger(ctx, run, details, a.UndoDAG, true)
}

// runName is the dag_run_id of a repair.
func runName(repair string, undo bool) string {
	return "sentinel__" + repair + map[bool]string{true: "__undo"}[undo]
}

func (a *Airflow) trigger(ctx context.Context, run *repair.Run, details airflowDetails, dag string, undo bool) error {
	name := runName(run.Repair.ID, undo)
	f := followed{Poll: a.Poll, Timeout: a.Timeout}
	f.Find = func(ctx context.Context) (job, error) { return a.findRun(ctx, run, dag, name, "") }
	f.Submit = func(ctx context.Context) error {
		if err := a.checkRunnable(ctx, run, dag); err != nil {
			return err
		}
		body := map[string]any{"dag_run_id": name, "conf": json.RawMessage(fillRepairID(details.Conf, run))}
		if a.API == "v2" {
			body["logical_date"] = nil // required; null never collides with another run's
		}
		status, err := a.ask(ctx, run, http.MethodPost, a.path(dag, "dagRuns"), body, false, nil)
		if status == http.StatusConflict {
			return nil // an earlier try's arrived after all
		}
		return err
	}
	return f.step(ctx, run, undo)
}

// clear runs tasks of a run again. That they were cleared is written into the
// run's note, after they were: an agent that dies in between clears once more
// what is still failed, which is nothing.
func (a *Airflow) clear(ctx context.Context, run *repair.Run, details airflowDetails) error {
	note := "cleared by sentinel, repair " + run.Repair.ID
	f := followed{Poll: a.Poll, Timeout: a.Timeout}
	f.Find = func(ctx context.Context) (job, error) { return a.findRun(ctx, run, details.DAG, details.Run, note) }
	f.Submit = func(ctx context.Context) error {
		if run.Resumed && a.Clear.Succeeded {
			return &repair.UnknownError{Err: errors.New("an agent that died was clearing tasks, and may have " +
				"cleared them")}
		}
		if err := a.checkRunnable(ctx, run, details.DAG); err != nil {
			return err
		}
		if _, err := a.ask(ctx, run, http.MethodPost, a.path(details.DAG, "clearTaskInstances"), details.Clear,
			!a.Clear.Succeeded, nil); err != nil {
			return err
		}
		to := a.path(details.DAG, "dagRuns", details.Run) + "?update_mask=note"
		if a.API == "v1" {
			to = a.path(details.DAG, "dagRuns", details.Run, "setNote")
		}
		_, err := a.ask(ctx, run, http.MethodPatch, to, map[string]string{"note": note}, true, nil)
		return err
	}
	return f.step(ctx, run, false)
}

// findRun looks a run up. With a note it has to be there, and counts as asked for
// only when it bears the note.
func (a *Airflow) findRun(ctx context.Context, run *repair.Run, dag, name, note string) (job, error) {
	j := job{Name: "run " + name + " of DAG " + dag}
	var dagRun struct {
		State string `json:"state"`
		Note  string `json:"note"`
	}
	status, err := a.ask(ctx, run, http.MethodGet, a.path(dag, "dagRuns", name), nil, true, &dagRun)
	switch {
	case status == http.StatusNotFound && note == "":
		return j, nil
	case status == http.StatusNotFound:
		return j, &repair.RefusedError{Why: "there is no " + j.Name}
	case err != nil:
		return j, fmt.Errorf("looking up %s: %w", j.Name, err)
	case note != "" && dagRun.Note != note:
		return j, nil
	}
	switch dagRun.State {
	case "success":
		j.State = jobDone
	case "failed":
		j.State, j.Why = jobFailed, a.failedTasks(ctx, run, dag, name)
	default:
		j.State, j.Why = jobRunning, dagRun.State
	}
	return j, nil
}

// failedTasks names the failed tasks of a run. It is for people only: that they
// cannot be told is told instead.
func (a *Airflow) failedTasks(ctx context.Context, run *repair.Run, dag, name string) string {
	var tasks struct {
		Instances []struct {
			Task string `json:"task_id"`
		} `json:"task_instances"`
	}
	if _, err := a.ask(ctx, run, http.MethodGet, a.path(dag, "dagRuns", name,
		"taskInstances")+"?state=failed&limit=10", nil, true, &tasks); err != nil {
		return "which task failed could not be read: " + err.Error()
	}
	var names []string
	for _, t := range tasks.Instances {
		names = append(names, t.Task)
	}
	return "failed tasks: " + cmp.Or(strings.Join(names, ", "), "none is named")
}

// checkRunnable refuses a DAG whose runs would wait for ever.
func (a *Airflow) checkRunnable(ctx context.Context, run *repair.Run, dag string) error {
	var state struct {
		Paused bool `json:"is_paused"`
	}
	status, err := a.ask(ctx, run, http.MethodGet, a.path(dag), nil, true, &state)
	switch {
	case status == http.StatusNotFound:
		return &repair.RefusedError{Why: "there is no DAG " + dag + " on " + a.URL}
	case err != nil:
		return fmt.Errorf("looking at DAG %s: %w", dag, err)
	case state.Paused:
		return &repair.RefusedError{Why: "DAG " + dag + " is paused, and a run would wait: unpause it, and " +
			"retry the repair"}
	}
	return nil
}

// path is an address under a DAG.
func (a *Airflow) path(dag string, rest ...string) string {
	parts := []string{a.URL, "api", a.API, "dags", url.PathEscape(dag)}
	for _, p := range rest {
		parts = append(parts, url.PathEscape(p))
	}
	return strings.Join(parts, "/")
}

// ask makes one request with the configured identity.
func (a *Airflow) ask(
	ctx context.Context, run *repair.Run, method, to string, body any, repeatable bool, answer any,
) (int, error) {
	c := httpCall{Method: method, URL: to, Timeout: requestTimeout, Repeatable: repeatable, AllowPrivate: a.AllowPrivate,
		Header: http.Header{}}
	if err := a.authorize(ctx, run, c.Header); err != nil {
		return 0, err
	}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		c.Body = data
	}
	if answer == nil {
		status, _, err := c.do(ctx, run.Now)
		return status, err
	}
	return c.json(ctx, run.Now, answer)
}

// authorize adds who asks. Airflow 3 takes no password with a request: a token
// is asked for with it first.
func (a *Airflow) authorize(ctx context.Context, run *repair.Run, h http.Header) error {
	switch {
	case a.Token != "":
		h.Set("Authorization", "Bearer "+a.Token.Reveal())
		return nil
	case a.API == "v1":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(a.User+":"+a.Password.Reveal())))
		return nil
	}
	data, err := json.Marshal(map[string]string{"username": a.User, "password": a.Password.Reveal()})
	if err != nil {
		return err
	}
	var got struct {
		Token string `json:"access_token"`
	}
	c := httpCall{Method: http.MethodPost, URL: a.URL + "/auth/token", Body: data, Timeout: requestTimeout,
		Repeatable: true, AllowPrivate: a.AllowPrivate}
	if _, err := c.json(ctx, run.Now, &got); err != nil {
		return fmt.Errorf("logging in to Airflow: %w", err)
	}
	if got.Token == "" {
		return errors.New("logging in to Airflow: the answer has no access_token")
	}
	h.Set("Authorization", "Bearer "+got.Token)
	return nil
}
