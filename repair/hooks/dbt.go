package hooks

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("dbt", func() repair.Action { return &DBT{} }) }

// DBT rebuilds models: with the dbt command, as exec runs a program, or as a run of a
// dbt Cloud job. The cause of that run is the repair's id.
type DBT struct {
	Select      []string                   `yaml:"select" doc:"Selectors of models, such as orders or +orders."`
	Vars        map[string]string          `yaml:"vars" doc:"Variables of dbt. Placeholders are filled in."`
	Microbatch  bool                       `yaml:"microbatch" doc:"Build only the window that the check found."`
	FullRefresh bool                       `yaml:"full_refresh" doc:"Build incremental models from the beginning."`
	Bucket      string                     `yaml:"bucket" default:"day" enum:"hour,day,week,month" doc:"Length of a window."`
	Timeout     time.Duration              `yaml:"timeout" default:"1h" doc:"dbt is killed after this."`
	Program     string                     `yaml:"program" doc:"Path of dbt. Default: /usr/local/bin/dbt."`
	Project     string                     `yaml:"project" doc:"Directory of dbt_project.yml."`
	Profiles    string                     `yaml:"profiles" doc:"Directory of profiles.yml. Default: project."`
	Target      string                     `yaml:"target" doc:"Target of profiles.yml."`
	Env         map[string]sentinel.Secret `yaml:"env" doc:"Variables for env_var() in profiles.yml."`
	Idempotent  bool                       `yaml:"idempotent" doc:"Building twice gives the same result, as microbatches do."`
	Cloud       *DBTCloud                  `yaml:"cloud" doc:"Run a job of dbt Cloud instead of a program."`
}

// Validate implements Action.
func (d *DBT) Validate() error {
	if err := settings.Complete(d); err != nil {
		return err
	}
	for i, s := range d.Select {
		if s == "" || strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\n'\"") {
			return settings.Wrong(settings.Index("select", i), "%q is no selector of dbt", s)
		}
	}
	if err := checkAllPlaceholders("vars", d.Vars); err != nil {
		return err
	}
	own := d.Program != "" || d.Project != "" || d.Profiles != "" || d.Target != "" || len(d.Env) > 0
	if err := checkDurations(d.Timeout, 0); err != nil {
		return err
	}
	switch {
	case d.Microbatch && d.FullRefresh:
		return settings.Wrong("full_refresh", "it builds everything: leave microbatch out")
	case d.Cloud != nil && own:
		return settings.Wrong("cloud", "the job there has its own program, project, profiles, target and env")
	case len(d.Select) == 0 && (d.Cloud == nil || len(d.Vars) > 0 || d.Microbatch || d.FullRefresh):
		return settings.Wrong("select", "want at least one selector, such as orders or +orders")
	case d.Cloud != nil:
		return settings.In("cloud", d.Cloud.validate())
	case !filepath.IsAbs(d.Project):
		return settings.Wrong("project", "want the absolute path of the directory with dbt_project.yml")
	}
	d.Program, d.Profiles = cmp.Or(d.Program, "/usr/local/bin/dbt"), cmp.Or(d.Profiles, d.Project)
	if !filepath.IsAbs(d.Program) {
		return settings.Wrong("program", "want the absolute path of dbt")
	}
	return d.program(nil).Validate()
}

// program is the exec that carries a command out.
func (d *DBT) program(arguments []string) *Exec {
	return &Exec{Command: append([]string{d.Program}, arguments...), Env: d.Env, Dir: d.Project, Timeout: d.Timeout,
		Idempotent: d.Idempotent || d.Microbatch}
}

// dbtDetails is what a plan keeps.
type dbtDetails struct {
	Arguments []string // of dbt, with {repair} where the repair's id goes
	About     payload
}

// Plan implements Action.
func (d *DBT) Plan(_ context.Context, _ *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	s, noWindow := payloadOf(trigger, d.Bucket)
	if noWindow != nil && (d.Microbatch || needsWindow(slices.Collect(maps.Values(d.Vars))...)) {
		return plan, noWindow
	}
	arguments, err := d.arguments(s)
	if err != nil {
		return plan, err
	}
	step := sentinel.Step{Name: "build", Do: []string{d.Program + " " + shellQuote(arguments)}, NoUndo: noRollback}
	if d.Cloud != nil {
		step.Do = []string{d.Cloud.describe(arguments)}
	}
	plan = hookPlan("dbt", trigger, step.Do[0], step)
	if d.Cloud == nil && !d.program(nil).Idempotent {
		plan.Guarantee = sentinel.AtLeastOnce
	}
	plan.Details, err = json.Marshal(dbtDetails{arguments, s})
	return plan, err
}

const noRollback = "a dbt build is not rolled back: build again from a good source"

// arguments are dbt's arguments. Without any, a dbt Cloud job runs as it is configured
// there.
func (d *DBT) arguments(s payload) ([]string, error) {
	if len(d.Select) == 0 {
		return nil, nil
	}
	out := append([]string{"build", "--select"}, d.Select...)
	if d.Cloud == nil {
		out = append(out, "--project-dir", d.Project, "--profiles-dir", d.Profiles, "--no-use-colors")
		if d.Target != "" {
			out = append(out, "--target", d.Target)
		}
	}
	if d.FullRefresh {
		out = append(out, "--full-refresh")
	}
	if len(d.Vars) > 0 {
		s.Repair = "{repair}"
		filled := map[string]string{}
		for k, v := range d.Vars {
			filled[k] = s.fill(v)
		}
		vars, err := json.Marshal(filled)
		if err != nil {
			return nil, err
		}
		out = append(out, "--vars", string(vars))
	}
	if d.Microbatch {
		from, err := time.Parse(time.RFC3339, s.WindowStart)
		if err != nil {
			return nil, err
		}
		to, err := time.Parse(time.RFC3339, s.WindowEnd)
		if err != nil {
			return nil, err
		}
		const layout = "2006-01-02T15:04:05" // dbt takes UTC
		out = append(out, "--event-time-start", from.UTC().Format(layout), "--event-time-end", to.UTC().Format(layout))
	}
	return out, nil
}

// shellQuote joins arguments as a shell and dbt Cloud read them.
func shellQuote(arguments []string) string {
	out := make([]string, len(arguments))
	for i, a := range arguments {
		if out[i] = a; strings.ContainsAny(a, " \t{}[]\"'$*;&|<>()\\`") {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// Stage implements Action.
func (d *DBT) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action.
func (d *DBT) Apply(ctx context.Context, run *repair.Run) error {
	var planned dbtDetails
	if err := json.Unmarshal(fillRepairID(run.Repair.Plan.Details, run), &planned); err != nil {
		return err
	}
	if d.Cloud != nil {
		run.Failpoint("before_apply")
		return d.Cloud.follow(ctx, run, planned.Arguments, d.Timeout)
	}
	programRun := *run
	var err error
	if programRun.Repair.Plan.Details, err = json.Marshal(environmentOf(planned.About)); err != nil {
		return err
	}
	return d.program(planned.Arguments).Apply(ctx, &programRun)
}

// Rollback implements Action.
func (d *DBT) Rollback(context.Context, *repair.Run) error {
	return &repair.RefusedError{Why: noRollback}
}
