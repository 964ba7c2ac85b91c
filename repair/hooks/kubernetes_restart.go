package hooks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
)

// restartedDeployment is a Deployment that a repair restarts. An annotation of the
// pods' template with the repair's id rolls the pods out. Writing it twice is one
// restart.
type restartedDeployment struct{ kubernetesAPI }

func (k restartedDeployment) submit(ctx context.Context) error {
	annotations := map[string]string{
		repairAnnotation: k.run.Repair.ID,
		restartedAt:      k.run.Repair.Created.UTC().Format(time.RFC3339),
	}
	patch := nest(annotations, "spec", "template", "metadata", "annotations")
	var patched struct{}
	_, err := k.do(ctx, http.MethodPatch, deployment(k.details), patch, &patched)
	return err
}

// nest puts a value under a path of keys.
func nest(v any, path ...string) any {
	for _, key := range slices.Backward(path) {
		v = map[string]any{key: v}
	}
	return v
}

// find returns the progress of the restart, by the rules of `kubectl rollout status`.
func (k restartedDeployment) find(ctx context.Context) (job, error) {
	j := job{Name: "the restart of Deployment " + k.details.Namespace + "/" + k.details.Restart}
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
	status, err := k.do(ctx, http.MethodGet, deployment(k.details), nil, &now)
	switch {
	case status == http.StatusNotFound:
		return j, &repair.RefusedError{Why: "there is no Deployment " + k.details.Namespace + "/" + k.details.Restart}
	case err != nil:
		return j, fmt.Errorf("reading %s: %w", j.Name, err)
	case now.Spec.Paused:
		return j, &repair.RefusedError{Why: "Deployment " + k.details.Namespace + "/" + k.details.Restart +
			" is paused, and would not restart"}
	case now.Spec.Template.Metadata.Annotations[repairAnnotation] != k.run.Repair.ID:
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
