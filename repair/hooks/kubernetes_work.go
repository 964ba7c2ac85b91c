package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
)

// jobKept is how long, in seconds, a finished Job stays at least: one that
// Kubernetes removed before its end was seen could not be told from one that
// never was.
const jobKept = 24 * 60 * 60

// condition is one of a status's conditions.
type condition struct {
	Type, Status, Reason, Message string
}

func conditionOf(all []condition, kind, status string) (condition, bool) {
	i := slices.IndexFunc(all, func(c condition) bool { return c.Type == kind && c.Status == status })
	if i < 0 {
		return condition{}, false
	}
	return all[i], true
}

// restart changes an annotation of the pods' template, which rolls them out
// anew. The value is the repair's: written twice, it is one restart.
func (k *Kubernetes) restart(ctx context.Context, r *repair.Run, d kubernetesDetails) error {
	f := followed{Poll: k.Poll, Timeout: k.Timeout}
	f.Find = func(ctx context.Context) (job, error) { return k.rollout(ctx, r, d) }
	f.Submit = func(ctx context.Context) error {
		annotations := map[string]string{repairAnnotation: r.Repair.ID,
			restartedAt: r.Repair.Created.UTC().Format(time.RFC3339)}
		var patched struct{}
		_, err := k.ask(ctx, r, http.MethodPatch, deployment(d), nest(annotations, "spec", "template", "metadata",
			"annotations"), &patched)
		return err
	}
	return f.step(ctx, r, false)
}

// nest puts a value under a path of keys.
func nest(v any, path ...string) any {
	for _, key := range slices.Backward(path) {
		v = map[string]any{key: v}
	}
	return v
}

// rollout tells how far a Deployment's restart is, by the rules of
// `kubectl rollout status`.
func (k *Kubernetes) rollout(ctx context.Context, r *repair.Run, d kubernetesDetails) (job, error) {
	j := job{Name: "the restart of Deployment " + d.Namespace + "/" + d.Restart}
	var now struct {
		Metadata struct{ Generation int64 }
		Spec     struct {
			Replicas *int64
			Paused   bool
			Template struct {
				Metadata struct{ Annotations map[string]string }
			}
		}
		Status struct {
			ObservedGeneration, Replicas, UpdatedReplicas, AvailableReplicas int64
			Conditions                                                       []condition
		}
	}
	status, err := k.ask(ctx, r, http.MethodGet, deployment(d), nil, &now)
	switch {
	case status == http.StatusNotFound:
		return j, &repair.RefusedError{Why: "there is no Deployment " + d.Namespace + "/" + d.Restart}
	case err != nil:
		return j, fmt.Errorf("looking at %s: %w", j.Name, err)
	case now.Spec.Paused:
		return j, &repair.RefusedError{Why: "Deployment " + d.Namespace + "/" + d.Restart +
			" is paused, and would not restart"}
	case now.Spec.Template.Metadata.Annotations[repairAnnotation] != r.Repair.ID:
		return j, nil
	}
	want := int64(1)
	if now.Spec.Replicas != nil {
		want = *now.Spec.Replicas
	}
	s := now.Status
	late, stuck := conditionOf(s.Conditions, "Progressing", "False")
	switch {
	case s.ObservedGeneration < now.Metadata.Generation:
		j.State, j.Why = jobRunning, "the controller has not seen it yet"
	case stuck && late.Reason == "ProgressDeadlineExceeded":
		j.State, j.Why = jobFailed, late.Message
	case s.UpdatedReplicas < want || s.Replicas > s.UpdatedReplicas || s.AvailableReplicas < s.UpdatedReplicas:
		j.State, j.Why = jobRunning, fmt.Sprintf("%d of %d pods are new, %d available", s.UpdatedReplicas, want,
			s.AvailableReplicas)
	default:
		j.State = jobDone
	}
	return j, nil
}

func jobName(repair string, undo bool) string {
	return "sentinel-" + repair + map[bool]string{true: "-undo"}[undo]
}

// runJob runs what a CronJob would run, now, as `kubectl create job --from`.
func (k *Kubernetes) runJob(ctx context.Context, r *repair.Run, d kubernetesDetails, cronJob string, undo bool) error {
	name := jobName(r.Repair.ID, undo)
	f := followed{Poll: k.Poll, Timeout: k.Timeout}
	f.Find = func(ctx context.Context) (job, error) { return k.findJob(ctx, r, d, name) }
	f.Submit = func(ctx context.Context) error {
		manifest, err := k.manifest(ctx, r, d, cronJob, name)
		if err != nil {
			return err
		}
		var created struct{}
		status, err := k.ask(ctx, r, http.MethodPost, jobs(d), manifest, &created)
		if status == http.StatusConflict {
			return nil // an earlier try's arrived after all
		}
		return err
	}
	return f.step(ctx, r, undo)
}

func (k *Kubernetes) findJob(ctx context.Context, r *repair.Run, d kubernetesDetails, name string) (job, error) {
	j := job{Name: "Job " + d.Namespace + "/" + name}
	var now struct {
		Status struct {
			Active, Succeeded, Failed int64
			Conditions                []condition
		}
	}
	status, err := k.ask(ctx, r, http.MethodGet, jobs(d)+"/"+name, nil, &now)
	switch {
	case status == http.StatusNotFound:
		return j, nil
	case err != nil:
		return j, fmt.Errorf("looking up %s: %w", j.Name, err)
	}
	s := now.Status
	if bad, failed := conditionOf(s.Conditions, "Failed", "True"); failed {
		j.State, j.Why = jobFailed, fmt.Sprintf("%s: %s (kubectl logs -n %s job/%s)", bad.Reason, bad.Message,
			d.Namespace, name)
	} else if _, done := conditionOf(s.Conditions, "Complete", "True"); done {
		j.State = jobDone
	} else {
		j.State, j.Why = jobRunning, fmt.Sprintf("%d pods active, %d failed", s.Active, s.Failed)
	}
	return j, nil
}

// manifest is the Job of a CronJob as it is configured now. What it does not
// know of the template it keeps.
func (k *Kubernetes) manifest(
	ctx context.Context, r *repair.Run, d kubernetesDetails, cronJob, name string,
) (any, error) {
	var from struct {
		Metadata struct{ UID string }
		Spec     struct {
			JobTemplate struct {
				Metadata struct{ Labels, Annotations map[string]string }
				Spec     json.RawMessage
			}
		}
	}
	path := "/apis/batch/v1/namespaces/" + d.Namespace + "/cronjobs/" + cronJob
	status, err := k.ask(ctx, r, http.MethodGet, path, nil, &from)
	switch {
	case status == http.StatusNotFound:
		return nil, &repair.RefusedError{Why: "there is no CronJob " + d.Namespace + "/" + cronJob}
	case err != nil:
		return nil, fmt.Errorf("looking at CronJob %s: %w", cronJob, err)
	}
	template := from.Spec.JobTemplate
	spec, err := object(template.Spec)
	if err != nil {
		return nil, fmt.Errorf("CronJob %s: %w", cronJob, err)
	}
	if ttl, ok := spec["ttlSecondsAfterFinished"].(json.Number); ok {
		if seconds, err := ttl.Int64(); err != nil || seconds < jobKept {
			spec["ttlSecondsAfterFinished"] = jobKept
		}
	}
	if err := tell(spec, d.Env); err != nil {
		return nil, fmt.Errorf("CronJob %s: %w", cronJob, err)
	}
	annotations := map[string]string{"cronjob.kubernetes.io/instantiate": "manual", repairAnnotation: r.Repair.ID}
	maps.Copy(annotations, template.Metadata.Annotations)
	return map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "spec": spec,
		"metadata": map[string]any{
			"name": name, "labels": template.Metadata.Labels, "annotations": annotations,
			"ownerReferences": []any{map[string]any{"apiVersion": "batch/v1", "kind": "CronJob", "name": cronJob,
				"uid": from.Metadata.UID}},
		},
	}, nil
}

// object reads JSON whose numbers stay as they are written.
func object(data []byte) (out map[string]any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err = decoder.Decode(&out)
	return out, err
}

// tell adds variables to every container of a Job's pods, in place of those
// with the same names.
func tell(spec map[string]any, env map[string]string) error {
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	containers, _ := pod["containers"].([]any)
	if len(containers) == 0 {
		return fmt.Errorf("its jobTemplate has no containers")
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			return fmt.Errorf("its jobTemplate has a container that is no object")
		}
		old, _ := container["env"].([]any)
		kept := slices.DeleteFunc(old, func(v any) bool {
			had, _ := v.(map[string]any)
			name, _ := had["name"].(string)
			_, replaced := env[name]
			return replaced
		})
		for _, name := range slices.Sorted(maps.Keys(env)) {
			kept = append(kept, map[string]any{"name": name, "value": env[name]})
		}
		container["env"] = kept
	}
	return nil
}
