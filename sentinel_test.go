package sentinel_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// TestLayers holds the packages to their order: each imports only those before
// it. docs/architecture.md says what each is for.
func TestLayers(t *testing.T) {
	t.Parallel()
	const module = "github.com/sentinel-dq/sentinel"
	allowed := map[string][]string{
		"":                       {},
		"/internal/panics":       {},
		"/internal/wait":         {""},
		"/internal/signals":      {},
		"/settings":              {""},
		"/secrets":               {"", "/settings"},
		"/access":                {"", "/secrets", "/settings"},
		"/outbound":              {"", "/settings"},
		"/internal/registry":     {"/settings"},
		"/schedule":              {},
		"/budget":                {},
		"/warehouse":             {"/internal/panics", "", "/settings", "/secrets", "/internal/registry"},
		"/rowvalues":             {"/warehouse"},
		"/rowdiff":               {"/rowvalues", "/warehouse"},
		"/warehouse/sqlpool":     {"/internal/panics", "/warehouse"},
		"/warehouse/postgres":    {"/internal/panics", "", "/warehouse"},
		"/warehouse/mysql":       {"/internal/panics", "", "/warehouse", "/warehouse/sqlpool"},
		"/warehouse/sqlite":      {"", "/rowvalues", "/warehouse", "/warehouse/sqlpool"},
		"/warehouse/all":         {"/warehouse/postgres", "/warehouse/mysql", "/warehouse/sqlite"},
		"/warehouse/dialecttest": {"", "/warehouse", "/warehouse/sqlpool"},
		"/store": {
			"",
			"/store/internal/engine",
			"/store/internal/format",
			"/store/sqlite",
			"/store/postgres",
		},
		"/store/sqlite":          {"", "/store/internal/engine", "/store/internal/format"},
		"/store/postgres":        {"", "/secrets", "/store/internal/engine", "/store/internal/format"},
		"/store/internal/engine": {"/store/internal/format"},
		"/store/internal/format": {""},
		"/exporters":             {"/internal/panics", "", "/secrets", "/settings", "/outbound", "/internal/registry"},
		"/anomaly/counts":        {},
		"/anomaly/changes":       {},
		"/anomaly":               {"/anomaly/changes", "/anomaly/counts", "", "/settings", "/internal/registry"},
		"/predict":               {""},
		"/telemetry":             {"", "/outbound"},
		"/notify": {
			"/internal/panics",
			"/internal/wait",
			"",
			"/schedule",
			"/store",
			"/secrets",
			"/settings",
			"/outbound",
			"/internal/registry",
		},
		"/backup":  {"", "/schedule", "/secrets", "/settings", "/outbound", "/store"},
		"/slo":     {""},
		"/rules":   {"/slo"},
		"/grafana": {},
		"/repair": {
			"/internal/panics", "/internal/wait", "", "/rowdiff", "/schedule", "/warehouse", "/store", "/secrets",
			"/settings", "/internal/registry", "/outbound",
		},
		"/repair/reload":    {"", "/repair", "/rowdiff", "/rowvalues", "/settings", "/warehouse", "/warehouse/sqlpool"},
		"/repair/alter":     {"", "/repair", "/settings", "/warehouse"},
		"/repair/hooks":     {"", "/repair", "/secrets", "/settings", "/outbound"},
		"/repair/all":       {"/repair/alter", "/repair/hooks", "/repair/reload"},
		"/chart":            {},
		"/deploy":           {},
		"/anomaly/backtest": {"", "/anomaly", "/chart"},
		"/predict/backtest": {"", "/predict"},
		"/checks": {
			"/internal/panics",
			"",
			"/schedule",
			"/anomaly",
			"/rowdiff",
			"/rowvalues",
			"/warehouse",
			"/settings",
			"/internal/registry",
		},
		"/checks/environments": {}, // only tests
		"/checks/oracle":       {}, // only tests
		"/repair/differential": {}, // only tests
		"/config": {
			"",
			"/access",
			"/backup",
			"/schedule",
			"/warehouse",
			"/checks",
			"/repair",
			"/notify",
			"/anomaly",
			"/exporters",
			"/secrets",
			"/settings",
			"/store",
			"/outbound",
		},
		"/importers":      {"/settings", "/checks", "/config"},
		"/importers/dbt":  {"/importers", "/checks", "/warehouse"},
		"/importers/soda": {"/importers", "/checks", "/warehouse"},
		"/importers/gx":   {"/importers", "/checks", "/warehouse"},
		"/importers/odcs": {"/importers", "/checks", "/warehouse"},
		"/contract":       {"", "/checks", "/importers", "/importers/odcs", "/warehouse"},
		"/agent": {
			"", "/anomaly", "/predict", "/telemetry", "/notify", "/repair", "/schedule", "/warehouse", "/store",
			"/exporters", "/checks", "/rowdiff", "/slo", "/budget", "/internal/panics", "/internal/wait",
		},
		"/report": {"", "/agent", "/slo", "/store"},
		"/cluster": {
			"",
			"/secrets",
			"/internal/panics",
			"/internal/wait",
			"/warehouse",
			"/store",
			"/notify",
			"/repair",
			"/checks",
		},
		"/web": {
			"", "/access", "/anomaly", "/budget", "/docs", "/store", "/repair", "/notify", "/report", "/slo", "/web/openapi", "/web/page",
		},
		"/web/openapi":             {},
		"/web/openapi/openapitest": {"/docs"},
		"/docs":                    {},
		"/web/page": {
			"", "/access", "/agent", "/anomaly", "/budget", "/checks", "/config", "/docs", "/notify", "/predict", "/repair", "/report",
			"/schedule", "/slo", "/store", "/warehouse",
		},
		"/scratch": {},
		"/testenv": {"/scratch"},
		"/app/setup": {
			"", "/agent", "/backup", "/config", "/exporters", "/notify", "/repair", "/slo", "/store", "/telemetry",
			"/warehouse",
		},
		"/app/server": {
			"", "/agent", "/app/setup", "/app/unwatched", "/backup", "/cluster", "/config", "/exporters", "/repair", "/store",
			"/telemetry", "/warehouse",
			"/web", "/web/page", "/internal/panics", "/notify",
			"/internal/wait",
		},
		"/demo":        {"", "/internal/wait", "/app/server", "/app/setup", "/store"},
		"/drill":       {"", "/demo", "/scratch", "/store"},
		"/app/propose": {"", "/anomaly", "/checks", "/config", "/store", "/warehouse"},
		"/app/unwatched": {
			"/internal/panics", "/internal/wait", "", "/app/propose", "/config", "/exporters", "/store", "/warehouse", "/web/page",
		},
		"/app/cli": {
			"", "/access", "/agent", "/anomaly", "/anomaly/backtest", "/backup", "/budget", "/app/propose", "/app/server", "/app/setup", "/chart", "/checks", "/config",
			"/contract", "/demo", "/docs", "/drill", "/exporters", "/grafana", "/importers", "/importers/dbt", "/importers/gx", "/importers/odcs",
			"/importers/soda", "/notify", "/predict", "/predict/backtest", "/repair",
			"/report", "/rules", "/schedule", "/slo", "/store", "/warehouse", "/internal/signals", "/outbound", "/secrets",
		},
		"/repair/repairtest": {"", "/repair", "/repair/reload", "/store", "/testenv", "/warehouse", "/warehouse/all"},
		"/app/chaos":         {}, // only tests
		"/app":               {"/app/cli", "/repair/all", "/warehouse/all"},
		"/cmd/sentinel":      {"/app"},
	}
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		may, listed := allowed[name]
		if !listed {
			t.Errorf("package %s has no place in the layers", words[0])
		}
		for _, imported := range words[1:] {
			if rest, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(may, rest) {
				t.Errorf("%s must not import %s", words[0], imported)
			}
		}
	}
}

func TestNumbersKeepEveryDigit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"9007199254740993": `"9007199254740993"`,
		"0":                "0",
		"1.5":              "1.5",
		"null":             "null",
		"NaN":              `"NaN"`,
		"-7":               "-7",
	} {
		n, err := sentinel.ParseNumber(text)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(n)
		if err != nil || string(data) != want {
			t.Errorf("%s: %s, %v, want %s", text, data, err, want)
		}
		var back sentinel.Number
		if err := json.Unmarshal(data, &back); err != nil || back.String() != n.String() {
			t.Errorf("%s came back as %s, %v", text, back, err)
		}
	}
	if _, err := sentinel.ParseNumber("18446744073709551616"); err == nil {
		t.Error("an integer beyond 64 bits must be an error")
	}
	if sentinel.Int(9007199254740993).Cmp(sentinel.Float(9007199254740992)) != 1 {
		t.Error("comparison loses a digit")
	}
}

func TestTableNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]sentinel.Table{
		"w.t": {Warehouse: "w", Name: "t"}, "w.s.t": {Warehouse: "w", Schema: "s", Name: "t"},
		`w.s."odd.na""me"`: {Warehouse: "w", Schema: "s", Name: `odd.na"me`},
	} {
		got, err := sentinel.ParseTable(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v %s, %v", text, got, got, err)
		}
	}
	for _, bad := range []string{"", "t", "a.b.c.d", "w..t", "w.t.", `w."t`, `w."t"x`} {
		if got, err := sentinel.ParseTable(bad); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}

func TestStatusesFold(t *testing.T) {
	t.Parallel()
	order := []sentinel.Status{sentinel.Pass, sentinel.Unknown, sentinel.Warn, sentinel.Error, sentinel.Fail}
	for i := 1; i < len(order); i++ {
		if !order[i].Worse(order[i-1]) || order[i-1].Worse(order[i]) {
			t.Errorf("%s must outweigh %s", order[i], order[i-1])
		}
	}
}
