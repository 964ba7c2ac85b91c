package hooks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
)

// triggeredRun is a DAG run that a repair triggers.
type triggeredRun struct {
	api       airflowAPI
	dag, name string
	conf      json.RawMessage
}

func (t triggeredRun) find(ctx context.Context) (job, error) {
	return t.api.findRun(ctx, t.dag, t.name, "")
}

func (t triggeredRun) submit(ctx context.Context) error {
	if err := t.api.checkRunnable(ctx, t.dag); err != nil {
		return err
	}
	body := map[string]any{"dag_run_id": t.name, "conf": json.RawMessage(fillRepairID(t.conf, t.api.run))}
	if t.api.API == "v2" {
		body["logical_date"] = nil // required; null never collides with another run's
	}
	status, err := t.api.do(ctx, airflowRequest{
		method: http.MethodPost, url: t.api.path(t.dag, "dagRuns"), body: body,
	})
	if status == http.StatusConflict {
		return nil // the request of an earlier try arrived after all
	}
	return err
}

// clearedRun is a DAG run that exists, whose tasks a repair runs again. The run's note
// says that they were cleared. The note is written afterwards: if an agent dies in
// between, the next one clears again what still has failed, which is nothing.
type clearedRun struct {
	api     airflowAPI
	details airflowDetails
	note    string
}

func (c clearedRun) find(ctx context.Context) (job, error) {
	return c.api.findRun(ctx, c.details.DAG, c.details.Run, c.note)
}

func (c clearedRun) submit(ctx context.Context) error {
	if c.api.run.Resumed && c.api.Clear.Succeeded {
		return &repair.UnknownError{Err: errors.New("an agent that died was clearing tasks, and may have " +
			"cleared them")}
	}
	if err := c.api.checkRunnable(ctx, c.details.DAG); err != nil {
		return err
	}
	if _, err := c.api.do(ctx, airflowRequest{
		method:     http.MethodPost,
		url:        c.api.path(c.details.DAG, "clearTaskInstances"),
		body:       c.details.Clear,
		repeatable: !c.api.Clear.Succeeded,
	}); err != nil {
		return err
	}
	to := c.api.path(c.details.DAG, "dagRuns", c.details.Run) + "?update_mask=note"
	if c.api.API == "v1" {
		to = c.api.path(c.details.DAG, "dagRuns", c.details.Run, "setNote")
	}
	_, err := c.api.do(ctx, airflowRequest{
		method: http.MethodPatch, url: to, body: map[string]string{"note": c.note}, repeatable: true,
	})
	return err
}

// findRun returns the DAG run of the repair. A run that is cleared must exist, and
// counts as submitted only if it has the note.
func (a airflowAPI) findRun(ctx context.Context, dag, name, note string) (job, error) {
	j := job{Name: "run " + name + " of DAG " + dag}
	var dagRun struct {
		State string `json:"state"`
		Note  string `json:"note"`
	}
	status, err := a.get(ctx, a.path(dag, "dagRuns", name), &dagRun)
	switch {
	case status == http.StatusNotFound && note == "":
		return j, nil
	case status == http.StatusNotFound:
		return j, &repair.RefusedError{Why: "there is no " + j.Name}
	case err != nil:
		return j, fmt.Errorf("reading the state of %s: %w", j.Name, err)
	case note != "" && dagRun.Note != note:
		return j, nil
	}
	switch dagRun.State {
	case "success":
		j.State = jobDone
	case "failed":
		j.State, j.Why = jobFailed, a.failedTasks(ctx, dag, name)
	default:
		j.State, j.Why = jobRunning, dagRun.State
	}
	return j, nil
}

// failedTasks names the failed tasks of a run for a message. If the request fails, it
// returns the reason in their place.
func (a airflowAPI) failedTasks(ctx context.Context, dag, name string) string {
	var tasks struct {
		Instances []struct {
			Task string `json:"task_id"`
		} `json:"task_instances"`
	}
	failed := a.path(dag, "dagRuns", name, "taskInstances") + "?state=failed&limit=10"
	if _, err := a.get(ctx, failed, &tasks); err != nil {
		return "which task failed could not be read: " + err.Error()
	}
	var names []string
	for _, t := range tasks.Instances {
		names = append(names, t.Task)
	}
	return "failed tasks: " + cmp.Or(strings.Join(names, ", "), "none is named")
}

// checkRunnable refuses a DAG whose runs would wait for ever.
func (a airflowAPI) checkRunnable(ctx context.Context, dag string) error {
	var state struct {
		Paused bool `json:"is_paused"`
	}
	status, err := a.get(ctx, a.path(dag), &state)
	switch {
	case status == http.StatusNotFound:
		return &repair.RefusedError{Why: "there is no DAG " + dag + " on " + a.URL}
	case err != nil:
		return fmt.Errorf("reading DAG %s: %w", dag, err)
	case state.Paused:
		return &repair.RefusedError{Why: "DAG " + dag + " is paused, and a run would wait: unpause it, and " +
			"retry the repair"}
	}
	return nil
}
