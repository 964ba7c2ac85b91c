package app_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
)

// hostileName is the name of a table, and hostileValues are values: what a terminal obeys, line
// ends, and more than anybody reads.
var (
	hostileName   = "a\x1b]0;title\x07\x1b[2J\u009b2J\nb\r" + strings.Repeat("n", 200)
	hostileValues = []string{"v\x1b]0;title\x07\x1b[2J\u009b2J\u0085", "two\nlines\r\n", "\x7f\x00\x08", strings.Repeat("long", 5000)}
)

// longestLine bounds a line of the log and of a command's output in bytes, and longestLabel
// the value of a label.
const (
	longestLine  = 16 << 10
	longestLabel = sentinel.LongestText
)

// printable reports where a text has a character that a terminal obeys, or a line that is too
// long; "" where it has none.
func printable(text string) string {
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if at := strings.IndexFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }); at >= 0 {
			return fmt.Sprintf("a control character: %q", line[max(0, at-80):min(len(line), at+20)])
		}
		if len(line) > longestLine {
			return fmt.Sprintf("a line of %d bytes: %q", len(line), line[:80])
		}
	}
	return ""
}

// hostile is an agent whose data has hostile names and values.
type hostile struct {
	*way
	mu     sync.Mutex
	bodies []string // that its channels sent
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{way: &way{T: t, dir: t.TempDir(), agent: freeAddress(t)}}
	receives := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		h.bodies = append(h.bodies, string(body))
		h.mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "refuses") {
			http.Error(w, strings.Join(hostileValues, " "), http.StatusBadRequest)
		}
	}))
	t.Cleanup(receives.Close)
	statements := []string{`CREATE TABLE "` + hostileName + `" (k TEXT)`, "CREATE TABLE plain (k TEXT)"}
	for _, v := range hostileValues {
		statements = append(statements, fmt.Sprintf("INSERT INTO plain VALUES (CAST(x'%x' AS TEXT))", v))
	}
	testenv.Exec(t, "sqlite", filepath.Join(h.dir, "shop.db"), statements...)
	h.write("sentinel.yaml", fmt.Sprintf(`
state: sqlite:state.db
listen: %s
token: tiger
warehouses: {shop: {dsn: "sqlite:shop.db", repair_dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
notify:
  hook: {webhook: {url: %[2]q}}
  refuses: {webhook: {url: "%[2]s/refuses"}}
  chat: {slack: {webhook_url: %[2]q}}
datasets:
  - table: shop.main.%%
    checks:
      - row_count: {by: [k], fail: "< 5"}
      - {sql: {name: text, query: "SELECT 'x' || char(27) || '[2J' || char(10) || hex(zeroblob(9000))", fail: "> 5"}}
      - schema
    repair: [{on: [row_count], mode: auto, webhook: {url: "%[2]s/refuses"}}]
`, h.agent, receives.URL))
	return h
}

// TestHostileTextsAreShownAsText: names and values of the data, and answers of servers, in the
// log, the commands, the metrics, the API and notices.
func TestHostileTextsAreShownAsText(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	log, err := os.Create(filepath.Join(h.dir, "agent.log"))
	if err != nil {
		t.Fatal(err)
	}
	h.stderr = log
	h.start("sentinel", "run", "-c", "sentinel.yaml", "--log-level", "debug")
	h.until("channels and repairs are refused", func() bool {
		metrics := h.get(h.agent, "/metrics")
		return strings.Contains(metrics, `outcome="dead`) && strings.Contains(h.get(h.agent, "/api/v1/repairs"), "the receiver answers")
	})
	look := func(where, text string) {
		t.Helper()
		if what := printable(text); what != "" {
			t.Errorf("%s has %s", where, what)
		}
	}
	metrics := h.get(h.agent, "/metrics")
	for _, label := range regexp.MustCompile(`="((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(metrics, -1) {
		if len(label[1]) > longestLabel+64 {
			t.Errorf("a label of %d bytes: %.80s", len(label[1]), label[1])
		}
	}
	for _, path := range []string{"/api/v1/results", "/api/v1/incidents", "/api/v1/repairs", "/api/v1/notifications/dead"} {
		body := h.get(h.agent, path)
		if !json.Valid([]byte(body)) || len(body) > 1<<20 {
			t.Errorf("%s: %d bytes", path, len(body))
		}
	}
	for _, args := range [][]string{{"check"}, {"check", "--no-state", "--format", "json"}, {"check", "--no-state", "--format", "junit"},
		{"plan"}, {"doctor"}, {"schema", "diff"}, {"incidents", "list"}, {"repair", "list"}, {"repair", "audit"}, {"notify", "dead", "list"},
		{"validate"}} {
		out, err := h.command(args...).Output()
		if len(out) == 0 {
			t.Errorf("%v says nothing: %v", args, err)
		}
		document := strings.ReplaceAll(string(out), "\n", " ") // JSON and XML may have long lines
		switch args[len(args)-1] {
		case "json":
			if !json.Valid(out) {
				t.Errorf("%v writes no JSON: %.200s", args, out)
			}
			document = strings.Join(strings.SplitAfter(document, ","), "\n")
		case "junit":
			if err := xml.Unmarshal(out, new(struct{})); err != nil {
				t.Errorf("%v writes no XML: %v", args, err)
			}
			document = strings.Join(strings.SplitAfter(document, ">"), "\n")
		default:
			document = string(out)
		}
		look("`sentinel "+strings.Join(args, " ")+"`", document)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, body := range h.bodies {
		if len(body) > 64<<10 || !json.Valid([]byte(body)) {
			t.Errorf("a notice of %d bytes: %.200s", len(body), body)
		}
	}
	data, err := os.ReadFile(log.Name())
	if err != nil || len(h.bodies) == 0 || !strings.Contains(string(data), "]0;title") {
		t.Fatalf("%d notices, and no hostile text in the log (%v)", len(h.bodies), err)
	}
	look("the log", string(data))
}
