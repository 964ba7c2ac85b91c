package rules_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/rules"
	"github.com/sentinel-dq/sentinel/slo"
)

type rule struct {
	Record      string
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// objectives are those whose alerts the tests judge.
var objectives = []slo.Objective{
	{Target: .999, Window: 30 * 24 * time.Hour}, {Target: .9, Window: 7 * 24 * time.Hour},
	{Target: .999, Window: 30 * 24 * time.Hour},
}

func load(t *testing.T) (all []rule) {
	t.Helper()
	names, err := filepath.Glob("*.rules.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v %v", names, err)
	}
	names = append(names, rules.ObjectivesFile)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if name == rules.ObjectivesFile {
			data, err = rules.ForObjectives(objectives)
		}
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Groups []struct {
				Name     string
				Interval string
				Rules    []rule
			}
		}
		if err := yaml.Unmarshal(data, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	t.Parallel()
	written, err := rules.ExportObjectives(objectives, t.TempDir(), false)
	if err != nil || len(written) != 1 {
		t.Fatalf("%v, %v", written, err)
	}
	out, err := exec.Command("promtool", "check", "rules", "sentinel.rules.yaml", "sentinel_slo.rules.yaml", written[0]).
		CombinedOutput()
	if err != nil {
		t.Errorf("promtool check rules (install it with `make deps`): %v\n%s", err, out)
	}
}

// TestEveryAlertIsComplete: severity, words, and a page that its link leads to.
func TestEveryAlertIsComplete(t *testing.T) {
	t.Parallel()
	const pages = "https://github.com/sentinel-dq/sentinel/blob/main/docs/runbooks/"
	linked := map[string]bool{}
	for _, r := range load(t) {
		if r.Alert == "" {
			continue
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) ||
			r.Annotations["summary"] == "" ||
			r.Annotations["description"] == "" {
			t.Errorf("%s: %+v", r.Alert, r)
		}
		page, ok := strings.CutPrefix(r.Annotations["runbook_url"], pages)
		if !ok || page != r.Alert+".md" {
			t.Errorf("%s: runbook_url %q", r.Alert, r.Annotations["runbook_url"])
		}
		text, err := os.ReadFile("../docs/runbooks/" + page)
		if err != nil {
			t.Errorf("%s: %v", r.Alert, err)
			continue
		}
		linked[page] = true
		for _, section := range []string{
			"# " + r.Alert + "\n",
			"\n## What it means\n",
			"\n## What to check first\n",
			"\n## What to do\n",
			"\n## How it ends\n",
		} {
			if !strings.Contains(string(text), section) {
				t.Errorf("docs/runbooks/%s has no %q", page, strings.TrimSpace(section))
			}
		}
	}
	table, err := os.ReadFile("../docs/prometheus.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range load(t) {
		if r.Alert != "" &&
			!strings.Contains(string(table), "| ["+r.Alert+"](runbooks/"+r.Alert+".md) | "+r.Labels["severity"]+" |") {
			t.Errorf("docs/prometheus.md does not list %s with severity %s", r.Alert, r.Labels["severity"])
		}
	}
	there, err := filepath.Glob("../docs/runbooks/Sentinel*.md")
	if err != nil || len(there) != len(linked) {
		t.Errorf("%d pages, %d linked from alerts (%v)", len(there), len(linked), err)
	}
}

var metricName = regexp.MustCompile(`\b(sentinel[a-z0-9_:]+)`)

// TestRulesNameMetricsThatExist holds the expressions to the table of metrics.
func TestRulesNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, m := range exporters.Metrics() {
		known[m.Name] = true
	}
	all := load(t)
	for _, r := range all {
		known[r.Record] = true
	}
	for _, r := range all {
		for _, name := range metricName.FindAllString(r.Expr+r.Annotations["description"], -1) {
			if !known[name] && !strings.Contains(r.Expr, `".*`+name) && !strings.HasPrefix(name, "sentinel-") &&
				!isCommand(r, name) {
				t.Errorf("%s%s: there is no metric %s", r.Alert, r.Record, name)
			}
		}
	}
}

// isCommand reports whether a description types a command of the program.
func isCommand(r rule, name string) bool {
	return name == "sentinel" || strings.Contains(r.Annotations["description"], "`"+name+" ")
}

const (
	dataset = `{job="s",instance="i",warehouse="w",dataset="public.orders"}`
	info    = `sentinel_dataset_info{job="s",instance="i",` +
		`warehouse="w",dataset="public.orders",owner="ann",tier="critical"}`
)

func check(metric, kind string) string {
	k := ""
	if kind != "" {
		k = `,kind="` + kind + `"`
	}
	return metric + `{job="s",instance="i",warehouse="w",dataset="public.orders",check="c"` + k + `}`
}

func segment(metric string) string {
	return strings.TrimSuffix(check(metric, ""), "}") + `,segment=""}`
}

// cases has, for every alert, series (sampled once a minute) under which it
// fires at a time, and series under which it stays quiet.
var cases = map[string][]struct {
	series map[string]string
	at     string
	fires  int
}{
	"SentinelDatasetStale": {
		{map[string]string{check("sentinel_check_status", "freshness"): "0x5 2x10", info: "1x15"}, "10m", 1},
		{map[string]string{check("sentinel_check_status", "freshness"): "1x15", info: "1x15"}, "10m", 0},
		{map[string]string{check("sentinel_check_status", "freshness"): "2x5 0x10", info: "1x15"}, "10m", 0},
		{map[string]string{check("sentinel_check_status", "freshness"): "4x15", info: "1x15"}, "10m", 0}, // could not run
	},
	"SentinelDeadlineMissed": {
		{
			map[string]string{
				"sentinel_deadline_timestamp_seconds" + dataset:       "300x30",
				"sentinel_arrivals_known_timestamp_seconds" + dataset: "0x6 360x30",
				info: "1x30",
			},
			"10m", 1,
		},
		{
			map[string]string{
				"sentinel_deadline_timestamp_seconds" + dataset:       "300x5 90000x30",
				"sentinel_arrivals_known_timestamp_seconds" + dataset: "0+60x30",
				info: "1x30",
			},
			"10m", 0,
		},
		{
			map[string]string{
				"sentinel_deadline_timestamp_seconds" + dataset:       "300x30",
				"sentinel_arrivals_known_timestamp_seconds" + dataset: "240x30", // nobody has looked since
				info: "1x30",
			},
			"10m", 0,
		},
	},
	"SentinelDeadlineAtRisk": {
		{
			map[string]string{
				"sentinel_deadline_timestamp_seconds" + dataset: "3600x30",
				"sentinel_risk" + dataset:                       "0.9x30",
				info:                                            "1x30",
			},
			"10m",
			1,
		},
		{
			map[string]string{
				"sentinel_deadline_timestamp_seconds" + dataset: "3600x30",
				"sentinel_risk" + dataset:                       "0.7x30",
				info:                                            "1x30",
			},
			"10m",
			0,
		},
		{
			map[string]string{
				"sentinel_deadline_timestamp_seconds" + dataset: "300x30",
				"sentinel_risk" + dataset:                       "1x30",
				info:                                            "1x30",
			},
			"10m",
			0,
		}, // too late for a warning
	},
	"SentinelRowCountBad": {
		{map[string]string{check("sentinel_check_status", "row_count"): "2x10", info: "1x10"}, "5m", 1},
		{map[string]string{check("sentinel_check_status", "row_count"): "3x10", info: "1x10"}, "5m", 0},
	},
	"SentinelVolumeDrop": {
		{
			map[string]string{
				segment("sentinel_rows"):          "50x10",
				segment("sentinel_expected_low"):  "100x10",
				segment("sentinel_anomaly_score"): "0.8x10",
				info:                              "1x10",
			},
			"5m",
			1,
		},
		{
			map[string]string{
				segment("sentinel_rows"):          "50x10",
				segment("sentinel_expected_low"):  "100x10",
				segment("sentinel_anomaly_score"): "0.4x10",
				info:                              "1x10",
			},
			"5m",
			0,
		},
		{
			map[string]string{
				segment("sentinel_rows"):          "500x10",
				segment("sentinel_expected_low"):  "100x10",
				segment("sentinel_anomaly_score"): "0.8x10",
				info:                              "1x10",
			},
			"5m",
			0,
		},
	},
	"SentinelAnomaly": {
		{map[string]string{segment("sentinel_anomaly_score"): "0.5x10"}, "5m", 1},
		{map[string]string{segment("sentinel_anomaly_score"): "0.49x10"}, "5m", 0},
	},
	"SentinelSchemaBroken": {
		{map[string]string{check("sentinel_check_status", "schema"): "2x10"}, "5m", 1},
		{map[string]string{check("sentinel_check_status", "schema"): "1x10"}, "5m", 0},
	},
	"SentinelSchemaDrift": {
		{map[string]string{check("sentinel_check_status", "schema"): "1x20"}, "10m", 1},
		{map[string]string{check("sentinel_check_status", "schema"): "2x20"}, "10m", 0},
		{map[string]string{check("sentinel_check_status", "schema"): "1x5 0x20"}, "10m", 0},
	},
	"SentinelCheckFailing": {
		{map[string]string{check("sentinel_check_status", "sql"): "2x10"}, "5m", 1},
		{map[string]string{check("sentinel_check_status", "risk"): "2x10"}, "5m", 0}, // has alerts of its own
	},
	"SentinelAgentDown": {
		{map[string]string{`up{job="other"}`: "1x20"}, "10m", 1},
		{map[string]string{`up{job="sentinel"}`: "0x20", `sentinel_build_info{job="sentinel2"}`: "1x20"}, "10m", 1},
		{map[string]string{`up{job="sentinel",instance="a"}`: "0x20", `up{job="sentinel",instance="b"}`: "0x20"}, "10m", 1},
		{map[string]string{`up{job="sentinel"}`: "1x20", `sentinel_build_info{job="sentinel"}`: "1x20"}, "10m", 0},
		{oneOfTwoDown(1), "10m", 0},
		{oneOfTwoDown(0), "10m", 1},
	},
	"SentinelPeerDown": {
		{oneOfTwoDown(1), "10m", 1},
		{oneOfTwoDown(0), "10m", 0},
		{map[string]string{`up{job="sentinel",instance="a"}`: "0x20", `up{job="sentinel",instance="b"}`: "0x20"}, "10m", 0},
	},
	"SentinelAgentsMissing": {
		{map[string]string{`sentinel_agents_expected{job="s",instance="a"}`: "2x10"}, "8m", 1},
		{map[string]string{
			`sentinel_agents_expected{job="s",instance="a"}`: "2x10", `sentinel_agents_expected{job="s",instance="b"}`: "2x2 stale",
		}, "9m", 1},
		{map[string]string{
			`sentinel_agents_expected{job="s",instance="a"}`: "2x10", `sentinel_agents_expected{job="s",instance="b"}`: "2x10",
		}, "8m", 0},
		{map[string]string{`sentinel_agents_expected{job="s",instance="a"}`: "1x10"}, "8m", 0},
		{map[string]string{ // a restart
			`sentinel_agents_expected{job="s",instance="a"}`: "2x20",
			`sentinel_agents_expected{job="s",instance="b"}`: "2x2 stale _x1 2x10",
		}, "10m", 0},
	},
	"SentinelSecretsUnread": {
		{map[string]string{`sentinel_secrets_unread{instance="i"}`: "1x10"}, "8m", 1},
		{map[string]string{`sentinel_secrets_unread{instance="i"}`: "0x10"}, "8m", 0},
		{map[string]string{`sentinel_secrets_unread{instance="i"}`: "1x3 0x10"}, "8m", 0},
	},
	"SentinelCheckCannotLook": {
		{map[string]string{check("sentinel_check_status", "sql"): "4x30"}, "20m", 1},
		{map[string]string{check("sentinel_check_status", "sql"): "4x10 0x20"}, "20m", 0},
	},
	"SentinelCheckStopped": {
		{map[string]string{check("sentinel_check_next_run_timestamp_seconds", ""): "60+60x60 3660x60"}, "80m", 1},
		{map[string]string{check("sentinel_check_next_run_timestamp_seconds", ""): "60+60x240"}, "150m", 0},
		{
			map[string]string{
				check("sentinel_check_next_run_timestamp_seconds", ""): "-3540+60x240", // the clock of the agent is an hour late
				`sentinel_time_seconds{job="s",instance="i"}`:          "-3600+60x240",
			},
			"150m", 0,
		},
	},
	"SentinelScrapeClockSkew": {
		{map[string]string{`sentinel_time_seconds{job="s",instance="i"}`: "-40+60x30"}, "20m", 1},
		{map[string]string{`sentinel_time_seconds{job="s",instance="i"}`: "0+60x30"}, "20m", 0},
	},
	"SentinelTicksMissed": {
		{
			map[string]string{`sentinel_ticks_missed_total{job="s",instance="i",warehouse="w",dataset="d"}`: "0x10 5x20"},
			"20m",
			1,
		},
		{map[string]string{`sentinel_ticks_missed_total{job="s",instance="i",warehouse="w",dataset="d"}`: "5x30"}, "20m", 0},
		{
			map[string]string{ // a new agent that catches up before the first scrape
				`sentinel_ticks_missed_total{job="s",instance="i",warehouse="w",dataset="d"}`: "_x5 5x30",
				`process_start_time_seconds{job="s",instance="i"}`:                            "_x5 240x30",
			},
			"20m",
			1,
		},
	},
	"SentinelChecksOverrun": {
		{
			map[string]string{`sentinel_jobs_skipped_total{job="s",instance="i",warehouse="w",dataset="d"}`: "0+1x30"},
			"20m",
			1,
		},
		{
			map[string]string{`sentinel_jobs_skipped_total{job="s",instance="i",warehouse="w",dataset="d"}`: "0x10 2x20"},
			"20m",
			0,
		},
	},
	"SentinelReloadFailed": {
		{map[string]string{`sentinel_config_last_reload_successful{instance="i"}`: "0x10"}, "5m", 1},
		{map[string]string{`sentinel_config_last_reload_successful{instance="i"}`: "1x10"}, "5m", 0},
	},
	"SentinelStoreDown": {
		{map[string]string{`sentinel_store_up{instance="i"}`: "0x10"}, "5m", 1},
		{map[string]string{`sentinel_store_up{instance="i"}`: "0x1 1x10"}, "5m", 0},
	},
	"SentinelNobodyLeads": {
		{
			map[string]string{
				`sentinel_leading{job="sentinel", instance="a"}`: "0x10",
				`sentinel_leading{job="sentinel", instance="b"}`: "0x10",
			},
			"5m",
			1,
		},
		{
			map[string]string{
				`sentinel_leading{job="sentinel", instance="a"}`: "0x10",
				`sentinel_leading{job="sentinel", instance="b"}`: "1x10",
			},
			"5m",
			0,
		},
	},
	"SentinelWarehouseDown": {
		{map[string]string{`sentinel_warehouse_up{warehouse="w"}`: "0x20"}, "10m", 1},
		{map[string]string{`sentinel_warehouse_up{warehouse="w"}`: "0x4 1x20"}, "10m", 0},
	},
	"SentinelStandbyLags": {
		{map[string]string{`sentinel_replication_lag_seconds{warehouse="w"}`: "400x30"}, "20m", 1},
		{
			map[string]string{`sentinel_replication_lag_seconds{warehouse="w"}`: strings.Repeat("NaN ", 30)},
			"20m",
			1,
		}, // it does not say
		{map[string]string{`sentinel_replication_lag_seconds{warehouse="w"}`: "20x30"}, "20m", 0},
		{map[string]string{`sentinel_replication_lag_seconds{warehouse="w"}`: "400x5 1x30"}, "20m", 0},
	},
	"SentinelClockSkew": {
		{map[string]string{`sentinel_warehouse_clock_skew_seconds{warehouse="w"}`: "-45x30"}, "20m", 1},
		{map[string]string{`sentinel_warehouse_clock_skew_seconds{warehouse="w"}`: "20x30"}, "20m", 0},
	},
	"SentinelBudgetExceeded": {
		{map[string]string{
			`sentinel_budget_used_seconds{instance="i",warehouse="w"}`: "0+30x30",
			`sentinel_budget_seconds{instance="i",warehouse="w"}`:      "100x30",
		}, "20m", 1},
		{map[string]string{
			`sentinel_budget_used_seconds{instance="i",warehouse="w"}`: "0+30x30",
			`sentinel_budget_seconds{instance="i",warehouse="w"}`:      "1000x30",
		}, "20m", 0},
		{map[string]string{ // a day has begun
			`sentinel_budget_used_seconds{instance="i",warehouse="w"}`: "120x5 0x30",
			`sentinel_budget_seconds{instance="i",warehouse="w"}`:      "100x30",
		}, "8m", 0},
	},
	"SentinelSeriesDropped": {
		{map[string]string{`sentinel_series_dropped{instance="i"}`: "3x30"}, "20m", 1},
		{map[string]string{`sentinel_series_dropped{instance="i"}`: "0x30"}, "20m", 0},
	},
	"SentinelRiskModelOff": {
		{map[string]string{"sentinel_risk_model_active" + dataset: "0x2000"}, "30h", 1},
		{map[string]string{"sentinel_risk_model_active" + dataset: "0x1000 1x1000"}, "30h", 0},
	},
	"SentinelRepairsFailing": {
		{
			map[string]string{
				`sentinel_repairs_total{job="s",instance="i",warehouse="w",dataset="d",action="a",outcome="rolled_back"}`: "0x5 1x20",
			},
			"10m",
			1,
		},
		{
			map[string]string{ // born with its first event, in a young agent
				`sentinel_repairs_total{job="s",instance="i",warehouse="w",dataset="d",action="a",outcome="failed"}`: "_x5 1x20",
			},
			"10m",
			1,
		},
		{
			map[string]string{ // of last week; Prometheus is new
				`sentinel_repairs_total{job="s",instance="i",warehouse="w",dataset="d",action="a",outcome="failed"}`: "_x5 1x20",
				`process_start_time_seconds{job="s",instance="i"}`:                                                   "-600000x30",
			},
			"10m",
			0,
		},
		{
			map[string]string{
				`sentinel_repairs_total{job="s",instance="i",warehouse="w",dataset="d",action="a",outcome="succeeded"}`: "0x5 1x20",
			},
			"10m",
			0,
		},
	},
	"SentinelDeadLetters": {
		{
			map[string]string{`sentinel_dead_letters{of="repair"}`: "1x20", `sentinel_dead_letters{of="notification"}`: "2x20"},
			"10m",
			2,
		},
		{map[string]string{`sentinel_dead_letters{of="repair"}`: "0x20"}, "10m", 0},
	},
	"SentinelStateRolledBack": {
		{map[string]string{`sentinel_store_rolled_back_seconds{instance="i"}`: "7200x20"}, "5m", 1},
		{map[string]string{`sentinel_store_rolled_back_seconds{instance="i"}`: "0x20"}, "5m", 0},
	},
	"SentinelBackupOverdue": {
		{map[string]string{`sentinel_backup_due_timestamp_seconds{instance="i"}`: "600x120"}, "80m", 1},
		{
			map[string]string{`sentinel_backup_due_timestamp_seconds{instance="i"}`: "600x60 90000x60"},
			"80m",
			0,
		}, // late, and there
		{map[string]string{`sentinel_backup_due_timestamp_seconds{instance="i"}`: "600x120"}, "60m", 0},
	},
	"SentinelRepairAwaitsApproval": {
		{map[string]string{`sentinel_repairs_active{state="awaiting_approval"}`: "1x30"}, "20m", 1},
		{map[string]string{`sentinel_repairs_active{state="applying"}`: "1x30"}, "20m", 0},
	},
	"SentinelBreakerOpen": {
		{map[string]string{`sentinel_breaker_state{breaker="b"}`: "2x10"}, "5m", 1},
		{map[string]string{`sentinel_breaker_state{breaker="b"}`: "1x10"}, "5m", 0},
	},
	"SentinelNotificationsStuck": {
		{map[string]string{`sentinel_notifications_overdue_seconds{instance="i",channel="c"}`: "0+60x30"}, "20m", 1},
		{map[string]string{`sentinel_notifications_overdue_seconds{instance="i",channel="c"}`: "0+60x10 0x30"}, "20m", 0},
		{map[string]string{`sentinel_notifications_pending{instance="i"}`: "4x30"}, "20m", 0}, // others, one after the other
	},
	"SentinelSLOBurn": {
		{burning(.999, "1h", 20, "5m", 20), "10m", 1},
		{burning(.999, "1h", 20, "5m", 0), "10m", 0}, // it is over
		{burning(.999, "1h", 14, "5m", 14), "10m", 0},
		{burning(.999, "6h", 7, "30m", 7), "10m", 1},
		{burning(.9, "1h", 3.4, "5m", 3.4), "10m", 1}, // over seven days
		{burning(.9, "1h", 3.3, "5m", 3.3), "10m", 0},
	},
	"SentinelSLOBurnSlow": {
		{burning(.999, "3d", 1.1, "6h", 1.1), "80m", 1},
		{burning(.999, "3d", 1.1, "6h", .5), "80m", 0},
	},
	"SentinelFreshnessBudgetBurn": {
		{staleOf(5, "2x90"), "70m", 2}, // a fifth of the datasets: both windows' rates
		{staleOf(5, "2x10 0x80"), "70m", 0},
		{staleOf(5, "0x90"), "70m", 0},
	},
	"SentinelFreshnessBudgetBurnSlow": {
		{staleOf(25, "2x200"), "180m", 2}, // 4 %
		{staleOf(25, "0x200"), "180m", 0},
	},
}

// burning is a dataset with an objective whose budget burns in two windows.
func burning(target float64, long string, rate float64, short string, now float64) map[string]string {
	window := "2592000x90"
	if target < .99 {
		window = "604800x90"
	}
	burn := func(w string) string {
		return strings.TrimSuffix("sentinel_slo_burn_rate"+dataset, "}") + `,slo="checks",window="` + w + `"}`
	}
	return map[string]string{
		burn(long):                               fmt.Sprintf("%gx90", rate),
		burn(short):                              fmt.Sprintf("%gx90", now),
		"sentinel_slo_objective_ratio" + dataset: fmt.Sprintf("%gx90", target),
		"sentinel_slo_window_seconds" + dataset:  window,
		info:                                     "1x90",
	}
}

// oneOfTwoDown are two agents, one of which is down after a while. shared says whether it
// shared its state.
func oneOfTwoDown(shared int) map[string]string {
	return map[string]string{
		`up{job="sentinel",instance="a"}`:                    "1x3 0x20",
		`up{job="sentinel",instance="b"}`:                    "1x23",
		`sentinel_state_shared{job="sentinel",instance="a"}`: fmt.Sprintf("%dx3 stale", shared),
		`sentinel_build_info{job="sentinel",instance="b"}`:   "1x23",
	}
}

// staleOf are so many datasets, one of which has the given statuses.
func staleOf(n int, statuses string) map[string]string {
	series := map[string]string{}
	for i := range n {
		v := "0x300"
		if i == 0 {
			v = statuses
		}
		const status = `sentinel_check_status{job="s",instance="i",warehouse="w",dataset="d%d",check="c",kind="freshness"}`
		series[fmt.Sprintf(status, i)] = v
	}
	return series
}

// TestEveryAlertFiresWhenItShould runs promtool test rules on the cases above.
func TestEveryAlertFiresWhenItShould(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	alerts := map[string]bool{}
	for _, r := range load(t) {
		if r.Alert != "" {
			alerts[r.Alert] = true
			if len(cases[r.Alert]) < 2 {
				t.Errorf(
					"%s has %d cases: want at least one where it fires and one where it does not",
					r.Alert,
					len(cases[r.Alert]),
				)
			}
		}
	}
	written, err := rules.ExportObjectives(objectives, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"rule_files: [%s/sentinel.rules.yaml, %s/sentinel_slo.rules.yaml, %s]\nevaluation_interval: 1m\ntests:\n",
		here,
		here,
		written[0],
	)
	for _, alert := range slices.Sorted(maps.Keys(cases)) {
		if !alerts[alert] {
			t.Errorf("cases for %s, which is no alert", alert)
		}
		for i, c := range cases[alert] {
			fmt.Fprintf(&b, "  - name: %s %d\n    interval: 1m\n    input_series:\n", alert, i)
			for _, series := range slices.Sorted(maps.Keys(c.series)) {
				fmt.Fprintf(&b, "      - {series: %s, values: '%s'}\n", quote(series), c.series[series])
			}
			fmt.Fprintf(&b, `    promql_expr_test:
      - expr: count(ALERTS{alertname=%q,alertstate="firing"}) or vector(0)
        eval_time: %s
        exp_samples: [{labels: '{}', value: %d}]
`, alert, c.at, c.fires)
		}
	}
	file := filepath.Join(t.TempDir(), "tests.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func TestExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	written, err := rules.Export(dir, false)
	if err != nil || len(written) != 2 {
		t.Fatalf("%v, %v", written, err)
	}
	if _, err := rules.Export(dir, false); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := os.WriteFile(written[0], []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Export(dir, false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over a changed file: %v", err)
	}
	if _, err := rules.Export(dir, true); err != nil {
		t.Error(err)
	}
}
