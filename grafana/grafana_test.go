package grafana_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/grafana"
)

type board struct {
	Title, UID string
	Panels     []struct {
		ID                       int
		Title, Description, Type string
		Datasource               struct{ UID string }
		GridPos                  struct{ X, Y, W, H int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Links                    []struct{ URL string }
		Targets                  []struct {
			Expr, LegendFormat string
			Datasource         struct{ UID string }
		}
	}
	Templating struct{ List []struct{ Name string } }
}

func boards(t *testing.T) map[string]board {
	t.Helper()
	all := map[string]board{}
	files, err := fs.Glob(grafana.Files, "dashboards/*.json")
	if err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		data, err := fs.ReadFile(grafana.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		var b board
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	return all
}

func TestPanelsAreComplete(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"process_resident_memory_bytes": true, "process_cpu_seconds_total": true}
	for _, m := range exporters.Metrics() {
		known[m.Name] = true
		if m.Type == "histogram" {
			known[m.Name+"_sum"], known[m.Name+"_count"], known[m.Name+"_bucket"] = true, true, true
		}
	}
	metric := regexp.MustCompile(`\b(?:sentinel|process|go)_[a-z0-9_]+`)
	all := boards(t)
	for name, b := range all {
		ids := map[int]bool{}
		taken := map[[2]int]string{}
		variables := ""
		for _, v := range b.Templating.List {
			variables += v.Name + " "
		}
		if variables != "datasource warehouse owner dataset " {
			t.Errorf("%s: variables %s", name, variables)
		}
		for _, p := range b.Panels {
			where := name + ": " + p.Title
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: id %d twice", where, p.ID)
			}
			ids[p.ID] = true
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s overlaps %q at %d, %d", where, other, x, y)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" ||
				len(p.Links) != 1 ||
				len(p.Targets) == 0 {
				t.Errorf("%s is not complete: %+v", where, p)
			}
			page, ok := strings.CutPrefix(p.Links[0].URL, "https://github.com/sentinel-dq/sentinel/blob/main/")
			if _, err := os.Stat("../" + page); !ok || err != nil {
				t.Errorf("%s: link %s: %v", where, p.Links[0].URL, err)
			}
			for _, q := range p.Targets {
				for _, m := range metric.FindAllString(q.Expr, -1) {
					if !known[m] {
						t.Errorf("%s: there is no metric %s", where, m)
					}
				}
				if q.Datasource.UID != "${datasource}" {
					t.Errorf("%s: data source %s", where, q.Datasource.UID)
				}
			}
		}
	}
}

func TestProvisioningFilesAreYAML(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(grafana.Files, "provisioning", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(grafana.Files, name)
		if err != nil {
			return err
		}
		var v struct {
			APIVersion int `yaml:"apiVersion"`
		}
		if err := yaml.Unmarshal(data, &v); err != nil || v.APIVersion != 1 {
			t.Errorf("%s: %v, apiVersion %d", name, err, v.APIVersion)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestEveryPanelShowsSomething runs every query against a real Prometheus that
// scrapes a real agent, whose demo stages and repairs incidents.
func TestEveryPanelShowsSomething(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	metrics, staged := startDemo(t, ctx)
	prometheus := startPrometheus(t, metrics)
	select { // one round of all incidents
	case <-staged:
	case <-ctx.Done():
		t.Fatal("the demo's incidents are not through in time")
	}
	var empty []string
	all := boards(t)
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(time.Second) {
		empty = nil
		for name, b := range all {
			for _, p := range b.Panels {
				for _, q := range p.Targets {
					n, err := series(ctx, prometheus, q.Expr)
					if err != nil {
						t.Fatalf("%s: %s: %v\n%s", name, p.Title, err, q.Expr)
					}
					if n == 0 {
						empty = append(empty, name+": "+p.Title+": "+q.Expr)
					}
				}
			}
		}
		if len(empty) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for _, e := range empty {
		t.Errorf("no data: %s", e)
	}
}

// startDemo runs the demo and returns where its metrics are. staged is closed
// when each incident was there once.
func startDemo(t *testing.T, ctx context.Context) (address string, staged <-chan struct{}) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sentinel")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/sentinel").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary, "demo")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, through, read := make(chan string, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		done := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "metrics        http://"); ok {
				found <- strings.TrimSuffix(at, "/metrics")
			}
			if strings.HasPrefix(lines.Text(), "a reload would not help") && !done {
				done = true
				close(through)
			}
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demo: %v", err)
		}
	})
	select {
	case address = <-found:
		return address, through
	case <-ctx.Done():
		t.Fatal("the demo does not say where its metrics are")
	}
	return "", nil
}

func startPrometheus(t *testing.T, target string) (address string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(
		"global: {scrape_interval: 1s}\nscrape_configs: [{job_name: sentinel, static_configs: [{targets: [%q]}]}]\n",
		target,
	)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(
		"prometheus",
		"--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address,
		"--log.level=error",
	)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: install it with `make deps`", err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Logf("prometheus: %v", err)
		}
	})
	return address
}

var inGrafana = strings.NewReplacer(
	"$__rate_interval", "15s",
	"$__range", "5m",
	"$warehouse", ".*",
	"$dataset", ".*",
	"$owner", ".*",
)

// series is how many series a query has, over the last minutes.
func series(ctx context.Context, prometheus, expr string) (int, error) {
	now := time.Now().Unix()
	form := url.Values{
		"query": {inGrafana.Replace(expr)},
		"start": {fmt.Sprint(now - 120)},
		"end":   {fmt.Sprint(now)},
		"step":  {"1"},
	}
	req, err := http.NewRequestWithContext(
		ctx,
		http.MethodGet,
		"http://"+prometheus+"/api/v1/query_range?"+form.Encode(),
		nil,
	)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return 0, fmt.Errorf("%s %s %w", resp.Status, answer.Error, err)
	}
	return len(answer.Data.Result), nil
}
