package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/sentinel-dq/sentinel/repair"
)

// minJobTTL is how many seconds a finished Job stays at least. If Kubernetes removed it
// before its end was seen, it would look like one that never existed.
const minJobTTL = 24 * 60 * 60

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

func jobName(repair string, undo bool) string {
	return "sentinel-" + repair + map[bool]string{true: "-undo"}[undo]
}

// cronJobRun is a Job that a repair makes from a CronJob, as
// `kubectl create job --from` does.
type cronJobRun struct {
	kubernetesAPI
	cronJob string
	name    string // of the Job
}

func (k cronJobRun) submit(ctx context.Context) error {
	manifest, err := k.manifest(ctx)
	if err != nil {
		return err
	}
	var created struct{}
	status, err := k.do(ctx, http.MethodPost, jobs(k.details), manifest, &created)
	if status == http.StatusConflict {
		return nil // the request of an earlier try arrived after all
	}
	return err
}

func (k cronJobRun) find(ctx context.Context) (job, error) {
	j := job{Name: "Job " + k.details.Namespace + "/" + k.name}
	var now struct {
		Status struct {
			Active, Succeeded, Failed int64
			Conditions                []condition
		}
	}
	status, err := k.do(ctx, http.MethodGet, jobs(k.details)+"/"+k.name, nil, &now)
	switch {
	case status == http.StatusNotFound:
		return j, nil
	case err != nil:
		return j, fmt.Errorf("reading the state of %s: %w", j.Name, err)
	}
	s := now.Status
	if bad, failed := conditionOf(s.Conditions, "Failed", "True"); failed {
		j.State, j.Why = jobFailed, fmt.Sprintf("%s: %s (kubectl logs -n %s job/%s)", bad.Reason, bad.Message,
			k.details.Namespace, k.name)
	} else if _, done := conditionOf(s.Conditions, "Complete", "True"); done {
		j.State = jobDone
	} else {
		j.State, j.Why = jobRunning, fmt.Sprintf("%d pods active, %d failed", s.Active, s.Failed)
	}
	return j, nil
}

// manifest returns the Job of a CronJob as it is configured now. Fields of the template
// that Sentinel does not know are kept.
func (k cronJobRun) manifest(ctx context.Context) (any, error) {
	var from struct {
		Metadata struct{ UID string }
		Spec     struct {
			JobTemplate struct {
				Metadata struct{ Labels, Annotations map[string]string }
				Spec     json.RawMessage
			}
		}
	}
	path := "/apis/batch/v1/namespaces/" + k.details.Namespace + "/cronjobs/" + k.cronJob
	status, err := k.do(ctx, http.MethodGet, path, nil, &from)
	switch {
	case status == http.StatusNotFound:
		return nil, &repair.RefusedError{Why: "there is no CronJob " + k.details.Namespace + "/" + k.cronJob}
	case err != nil:
		return nil, fmt.Errorf("reading CronJob %s: %w", k.cronJob, err)
	}
	template := from.Spec.JobTemplate
	spec, err := decodeObject(template.Spec)
	if err != nil {
		return nil, fmt.Errorf("CronJob %s: %w", k.cronJob, err)
	}
	if ttl, ok := spec["ttlSecondsAfterFinished"].(json.Number); ok {
		if seconds, err := ttl.Int64(); err != nil || seconds < minJobTTL {
			spec["ttlSecondsAfterFinished"] = minJobTTL
		}
	}
	if err := addEnvironment(spec, k.details.Env); err != nil {
		return nil, fmt.Errorf("CronJob %s: %w", k.cronJob, err)
	}
	annotations := map[string]string{"cronjob.kubernetes.io/instantiate": "manual", repairAnnotation: k.run.Repair.ID}
	maps.Copy(annotations, template.Metadata.Annotations)
	return map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "spec": spec,
		"metadata": map[string]any{
			"name": k.name, "labels": template.Metadata.Labels, "annotations": annotations,
			"ownerReferences": []any{map[string]any{"apiVersion": "batch/v1", "kind": "CronJob", "name": k.cronJob,
				"uid": from.Metadata.UID}},
		},
	}, nil
}

// decodeObject reads JSON whose numbers stay as they are written.
func decodeObject(data []byte) (out map[string]any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err = decoder.Decode(&out)
	return out, err
}

// addEnvironment adds variables to every container of a Job's pods. They replace
// variables of the same names.
func addEnvironment(spec map[string]any, env map[string]string) error {
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	containers, _ := pod["containers"].([]any)
	if len(containers) == 0 {
		return fmt.Errorf("its jobTemplate has no containers")
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			return fmt.Errorf("its jobTemplate has a container that is not an object")
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
