package rules_test

import (
	"bufio"
	"flag"
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

	"github.com/sentinel-dq/sentinel/rules"
	"github.com/sentinel-dq/sentinel/slo"
)

var update = flag.Bool("update", false, "write the matrix in docs/prometheus.md")

// recorded says which alerts fire in each situation of testdata. All others stay silent or
// are pending for a while. `make record-alerts` records the situations from real agents.
var recorded = map[string]string{
	// Healthy: what an operator does, and what tables do that are well.
	"fresh-install":     "",
	"business-hours":    "",
	"long-schedules":    "",
	"restart":           "",
	"kill":              "",
	"reload":            "",
	"one-of-two-down":   "SentinelPeerDown",
	"load-just-in-time": "",
	"repair-helps":      "",

	"agents-complete": "",
	"backups":         "",
	"hourly-load":     "",
	"standby-answers": "SentinelBreakerOpen", // of the primary

	"agent-down":          "SentinelAgentDown SentinelTicksMissed",
	"both-down":           "SentinelAgentDown",
	"reload-fails":        "SentinelReloadFailed",
	"clock-of-prometheus": "SentinelScrapeClockSkew",
	"clock-of-warehouse":  "SentinelClockSkew",
	"series-dropped":      "SentinelSeriesDropped",
	"state-locked":        "SentinelStoreDown",
	"slow-statements":     "SentinelChecksOverrun",
	"long-check":          "",
	"hung-check":          "SentinelCheckStopped",

	"agents-missing":    "SentinelAgentsMissing",
	"nobody-leads":      "SentinelNobodyLeads",
	"secret-unread":     "SentinelSecretsUnread",
	"backup-fails":      "SentinelBackupOverdue",
	"state-rolled-back": "SentinelStateRolledBack SentinelTicksMissed",

	"load-missed":    "SentinelDeadlineMissed",
	"load-at-risk":   "SentinelDeadlineAtRisk SentinelDeadlineMissed",
	"risk-model-off": "SentinelRiskModelOff SentinelDeadlineMissed",
	"standby-lags":   "SentinelBreakerOpen SentinelStandbyLags",
	"damaged-data": "SentinelDatasetStale SentinelRowCountBad SentinelSchemaBroken SentinelSchemaDrift " +
		"SentinelCheckFailing SentinelFreshnessBudgetBurn SentinelFreshnessBudgetBurnSlow SentinelSLOBurn SentinelSLOBurnSlow",
	"unusual-count":   "SentinelAnomaly SentinelVolumeDrop",
	"check-in-error":  "SentinelCheckCannotLook",
	"warehouse-down":  "SentinelWarehouseDown SentinelCheckCannotLook SentinelBreakerOpen",
	"repair-fails":    "SentinelRowCountBad SentinelRepairsFailing SentinelDeadLetters",
	"approval":        "SentinelRowCountBad SentinelRepairAwaitsApproval",
	"dead-channel":    "SentinelRowCountBad SentinelNotificationsStuck",
	"grouped-notices": "SentinelCheckFailing",
	"silence":         "SentinelRowCountBad",
}

// notRecorded are the alerts that no situation raises: only series that are made up try them.
var notRecorded = []string{"SentinelBudgetExceeded"}

// situation is a file of testdata.
type situation struct {
	name, about, every, length string
	series                     []string // name and values, as promtool reads them
}

func readSituations(t *testing.T) (all []situation) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.series")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var s situation
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			key, rest, _ := strings.Cut(lines.Text(), " ")
			switch {
			case key == "#" && s.name == "":
				s.name, s.about, _ = strings.Cut(rest, ": ")
			case key == "#":
			case key == "every":
				s.every = rest
			case key == "length":
				s.length = rest
			default:
				at := strings.LastIndex(lines.Text(), "} ")
				s.series = append(s.series, lines.Text()[:at+1]+"\n"+lines.Text()[at+2:])
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// states are the worst states of the alerts in each situation, by promtool.
type states map[string]map[string]string

var gotAlert = regexp.MustCompile(`\{alertname="(\w+)", alertstate="(\w+)"\}`)

// judge evaluates the rules over the situations. promtool prints only what it did not
// expect, so each test expects nothing and gets a probe beside the alerts.
func judge(t *testing.T, all []situation) states {
	t.Helper()
	objectives, err := rules.ExportObjectives([]slo.Objective{{Target: .999, Window: 30 * 24 * time.Hour}}, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	found := states{}
	for _, s := range all {
		var b strings.Builder
		fmt.Fprintf(&b, "rule_files: [%s/sentinel.rules.yaml, %s/sentinel_slo.rules.yaml, %s]\nevaluation_interval: %s\n",
			here, here, objectives[0], s.every)
		fmt.Fprintf(&b, "tests:\n  - interval: %s\n    input_series:\n", s.every)
		for _, series := range s.series {
			name, values, _ := strings.Cut(series, "\n")
			fmt.Fprintf(&b, "      - {series: %s, values: '%s'}\n", quote(name), values)
		}
		fmt.Fprintf(&b, `    promql_expr_test:
      - expr: >-
          group by (alertname, alertstate) (count_over_time(ALERTS[30d]))
          or label_replace(label_replace(vector(1), "alertname", "probe", "", ""), "alertstate", "firing", "", "")
        eval_time: %s
        exp_samples: []
`, s.length)
		file := filepath.Join(t.TempDir(), s.name+".yaml")
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		// It fails, because it did not expect the probe.
		out, _ := exec.Command("promtool", "test", "rules", file).CombinedOutput()
		found[s.name] = map[string]string{}
		for _, m := range gotAlert.FindAllStringSubmatch(string(out), -1) {
			if found[s.name][m[1]] != "firing" {
				found[s.name][m[1]] = m[2]
			}
		}
		if found[s.name]["probe"] == "" {
			t.Fatalf("%s: promtool did not judge it:\n%s", s.name, out)
		}
		delete(found[s.name], "probe")
	}
	return found
}

// TestAlertsOfRealAgents judges the series that real agents exported. An alert fires where
// it should and nowhere else, and the matrix in docs/prometheus.md says so.
func TestAlertsOfRealAgents(t *testing.T) {
	t.Parallel()
	all := readSituations(t)
	found := judge(t, all)
	fires := map[string]bool{}
	for _, s := range all {
		want, known := recorded[s.name]
		if !known {
			t.Errorf("testdata/%s.series: nobody says which alerts it raises", s.name)
		}
		var firing []string
		for alert, state := range found[s.name] {
			if state == "firing" {
				firing = append(firing, alert)
				fires[alert] = true
			}
		}
		slices.Sort(firing)
		if wanted := slices.Sorted(slices.Values(strings.Fields(want))); !slices.Equal(firing, wanted) {
			t.Errorf("%s (%s): %v fire, want %v", s.name, s.about, firing, wanted)
		}
	}
	for name := range recorded {
		if found[name] == nil {
			t.Errorf("%s is not recorded: run `make record-alerts`", name)
		}
	}
	alerts := map[string]bool{}
	for _, r := range load(t) {
		if r.Alert != "" {
			alerts[r.Alert] = true
		}
	}
	for alert := range alerts {
		if fires[alert] == slices.Contains(notRecorded, alert) {
			t.Errorf("%s: fires in a recorded situation: %t", alert, fires[alert])
		}
	}
	holdMatrix(t, matrix(all, found, slices.Sorted(maps.Keys(alerts))))
}

// matrix writes the table of alerts and situations, and the legend of its columns.
func matrix(all []situation, found states, alerts []string) string {
	var b strings.Builder
	b.WriteString("\n| alert |")
	for n := range all {
		fmt.Fprintf(&b, " %d |", n+1)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(all)) + "\n")
	for _, alert := range alerts {
		fmt.Fprintf(&b, "| %s |", strings.TrimPrefix(alert, "Sentinel"))
		for _, s := range all {
			switch found[s.name][alert] {
			case "firing":
				b.WriteString(" **F** |")
			case "pending":
				b.WriteString(" p |")
			default:
				b.WriteString("  |")
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for n, s := range all {
		fmt.Fprintf(&b, "%d. `%s`: %s\n", n+1, s.name, s.about)
	}
	return b.String() + "\n"
}

// holdMatrix holds the page to the matrix, or writes it there.
func holdMatrix(t *testing.T, want string) {
	t.Helper()
	const page, from, to = "../docs/prometheus.md", "<!-- matrix -->\n", "<!-- end of matrix -->\n"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), from)
	have, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the matrix", page)
	}
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("%s has another matrix: run `go test ./rules -run TestAlertsOfRealAgents -update`", page)
	}
	if err := os.WriteFile(page, []byte(before+from+want+to+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
