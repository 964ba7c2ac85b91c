package hooks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
)

// restart changes an annotation of the pods' template, which rolls them out
// anew. The value is the repair's: written twice, it is one restart.
func (k *Kubernetes) restart(ctx context.Context, run *repair.Run, details kubernetesDetails) error {
	f := followed{Poll: k.Poll, Timeout: k.Timeout}
	f.Find = func(ctx context.Context) (job, error) { return k.rollout(ctx, run, details) }
	f.Submit = func(ctx context.Context) error {
		annotations := map[string]string{repairAnnotation: run.Repair.ID,
			restartedAt: run.Repair.Created.UTC().Format(time.RFC3339)}
		var patched struct{}
		_, err := k.ask(ctx, run, http.MethodPatch, deployment(details), nest(annotations, "spec", "template", "metadata",
			"annotations"), &patched)
		return err
	}
	return f.step(ctx, run, false)
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
func (k *Kubernetes) rollout(ctx context.Context, run *repair.Run, details kubernetesDetails) (job, error) {
	j := job{Name: "the restart of Deployment " + details.Namespace + "/" + details.Restart}
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
	status, err := k.ask(ctx, run, http.MethodGet, deployment(details), nil, &now)
	switch {
	case status == http.StatusNotFound:
		return j, &repair.RefusedError{Why: "there is no Deployment " + details.Namespace + "/" + details.Restart}
	case err != nil:
		return j, fmt.Errorf("looking at %s: %w", j.Name, err)
	case now.Spec.Paused:
		return j, &repair.RefusedError{Why: "Deployment " + details.Namespace + "/" + details.Restart +
			" is paused, and would not restart"}
	case now.Spec.Template.Metadata.Annotations[repairAnnotation] != run.Repair.ID:
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
