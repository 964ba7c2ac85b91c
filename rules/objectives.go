package rules

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/template"

	"github.com/sentinel-dq/sentinel/slo"
)

// ObjectivesFile is the name of the file that [ExportObjectives] writes.
const ObjectivesFile = "sentinel_objectives.rules.yaml"

// ofObjective is the text of the alerts of one objective.
var ofObjective = template.Must(template.New("").Parse(`  - name: sentinel-objective-{{.Name}}
    rules:
{{- range .Alerts}}
      - alert: {{if eq .Severity "critical"}}SentinelSLOBurn{{else}}SentinelSLOBurnSlow{{end}}
        # {{.Spent}} of the budget in {{.LongName}}
        expr: |
          (sentinel_slo_burn_rate{window="{{.LongName}}"} > {{.RateText}}
          and on (job, instance, warehouse, dataset, slo) sentinel_slo_burn_rate{window="{{.ShortName}}"} > {{.RateText}}
          and on (job, instance, warehouse, dataset) sentinel_slo_objective_ratio == {{$.Target}}
          and on (job, instance, warehouse, dataset) sentinel_slo_window_seconds == {{$.Seconds}})
          * on (job, instance, warehouse, dataset) group_left (owner, tier) sentinel_dataset_info
        for: {{.ForName}}
        labels: {severity: {{.Severity}}, window: {{.LongName}}, objective: '{{$.Percent}}'}
        annotations:
          summary: {{"'{{ $labels.dataset }} of {{ $labels.warehouse }} spends the error budget of its {{ $labels.slo }}'"}}
          description: {{.Description}}
          runbook_url: https://github.com/sentinel-dq/sentinel/blob/main/docs/runbooks/{{if eq .Severity "critical"}}SentinelSLOBurn{{else}}SentinelSLOBurnSlow{{end}}.md
{{- end}}
`))

// description is that of all alerts. The first verb is the objective.
const description = `'The budget of %s is spent {{ $value | printf "%%.1f" }} times too fast over {{ $labels.window }}. ` +
	`{{ with printf "sentinel_slo_budget_remaining_ratio{warehouse=%%q,dataset=%%q,slo=%%q}" ` +
	`$labels.warehouse $labels.dataset $labels.slo | query }}Left: {{ . | first | value | humanizePercentage }}. {{ end }}` +
	"`sentinel slo --dataset {{ $labels.warehouse }}.{{ $labels.dataset }}` says until when it lasts.'"

// alertText is an alert as the template writes it.
type alertText struct {
	slo.Alert
	LongName, ShortName, ForName, RateText, Spent, Description string
}

// ForObjectives returns the rule file of the objectives, each once. It returns nil if there
// is none.
func ForObjectives(objectives []slo.Objective) ([]byte, error) {
	objectives = slices.Clone(objectives)
	slices.SortFunc(objectives, func(a, b slo.Objective) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Window, b.Window))
	})
	objectives = slices.Compact(objectives)
	if len(objectives) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	b.WriteString("# Alerts of the objectives in the configuration. `sentinel rules export` writes them.\n" +
		"# docs/slo.md explains the rates.\ngroups:\n")
	for _, o := range objectives {
		target, days := number(o.Target), slo.WindowName(o.Window)
		percent := number(100*o.Target) + " % over " + days
		data := struct {
			Name, Target, Seconds, Percent string
			Alerts                         []alertText
		}{
			Name: number(100*o.Target) + "-" + days, Target: target, Seconds: number(o.Window.Seconds()), Percent: percent,
		}
		for _, a := range o.Alerts() {
			data.Alerts = append(data.Alerts, alertText{
				Alert: a, LongName: slo.WindowName(a.Long), ShortName: slo.WindowName(a.Short),
				ForName: slo.WindowName(a.For), RateText: number(a.Rate), Spent: spent(a, o),
				Description: fmt.Sprintf(description, percent),
			})
		}
		if err := ofObjective.Execute(&b, data); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// spent returns the part of the budget that is spent when an alert fires.
func spent(a slo.Alert, o slo.Objective) string {
	return strconv.FormatFloat(100*a.Rate*a.Long.Hours()/o.Window.Hours(), 'g', 3, 64) + " %"
}

// number returns a number as Prometheus writes it, without the noise of binary fractions.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }

// ExportObjectives writes the alerts of objectives into a folder, like [Export]. Without
// an objective it writes nothing.
func ExportObjectives(objectives []slo.Objective, dir string, force bool) (written []string, err error) {
	data, err := ForObjectives(objectives)
	if data == nil || err != nil {
		return nil, err
	}
	path := filepath.Join(dir, ObjectivesFile)
	there, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(there, data):
		return []string{path}, nil
	case err == nil && !force && !bytes.HasPrefix(there, data[:bytes.IndexByte(data, '\n')]):
		return nil, fmt.Errorf("%s exists and differs: move it away, or overwrite it with --force", path)
	case err != nil && !os.IsNotExist(err):
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return []string{path}, os.WriteFile(path, data, 0o644)
}
