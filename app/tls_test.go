package app_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sentinel-dq/sentinel/testenv"
)

// secured is an agent that speaks TLS with a certificate of an authority of its own.
type secured struct {
	*way
	authority *testenv.Authority
	client    *http.Client
}

// newSecured starts the agent. Its web configuration file has the user ann, who decides, and
// prometheus, who reads.
func newSecured(t *testing.T) *secured {
	t.Helper()
	dir := t.TempDir()
	s := &secured{way: &way{T: t, dir: dir, agent: freeAddress(t)}, authority: testenv.NewAuthority(t, dir)}
	s.authority.Issue(t, "agent", "sentinel.example.com", "localhost")
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	users := ""
	for name, password := range map[string]string{"ann": "tiger-of-ann", "prometheus": "tiger-of-prometheus"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users += fmt.Sprintf("  %s: %q\n", name, hash)
	}
	s.write("web.yml", "tls_server_config: {cert_file: agent.pem, key_file: agent.key}\nbasic_auth_users:\n"+users)
	s.write("sentinel.yaml", s.configuration("token: tiger", "config_file: web.yml, users: {ann: operator}"))
	s.start("sentinel", "run", "-c", "sentinel.yaml")
	s.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.authority.Pool, ServerName: "sentinel.example.com"},
	}}
	s.until("the agent is ready", func() bool {
		resp, err := s.client.Get("https://" + s.agent + "/-/ready")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return s
}

func (s *secured) configuration(token, web string) string {
	return fmt.Sprintf(`
state: sqlite:state.db
listen: %s
%s
web: {%s}
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets: [{table: shop.main.orders, checks: [row_count > 0]}]
`, s.agent, token, web)
}

// says runs a command, and returns its output and whether it succeeded.
func (s *secured) says(env []string, args ...string) (string, bool) {
	s.Helper()
	cmd := s.command(args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err == nil
}

// TestTheCommandLineSpeaksTLS with the running agent: by the agent's own configuration without
// a further key, and from elsewhere with an authority and a login of a person's own.
func TestTheCommandLineSpeaksTLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	silence := []string{"incidents", "silence", "--dataset", "shop.main.orders", "--for", "1h", "--why", "tiger hunt"}
	for _, args := range [][]string{silence, {"silence", "list"}, {"notify", "dead", "drop", "--all"}, {"repair", "off"},
		{"repair", "on"}, {"reload"}} {
		if out, ok := s.says(nil, args...); !ok {
			t.Errorf("%v: %s", args, out)
		}
	}
	elsewhere := t.TempDir()
	_, port, _ := strings.Cut(s.agent, ":")
	web := "client: {url: \"https://localhost:" + port + "\", ca_file: ca.pem"
	s.write("user.yaml", s.configuration("", web+", username: ann, password_command: [echo, tiger-of-ann]}"))
	s.write("token.yaml", s.configuration("", web+"}"))
	s.write("stranger.yaml", s.configuration("token: tiger", "client: {url: \"https://localhost:"+port+"\"}"))
	other := testenv.NewAuthority(t, elsewhere)
	for _, c := range []struct {
		file string
		env  []string
		args []string
		want string // "": it succeeds
	}{
		{"user.yaml", nil, []string{"silence", "list"}, ""},
		{"user.yaml", nil, []string{"repair", "off"}, ""},
		{"user.yaml", nil, []string{"reload"}, "the user ann is an operator: this needs an admin"},
		{"token.yaml", []string{"SENTINEL_API_TOKEN=tiger"}, []string{"repair", "on"}, ""},
		{"token.yaml", []string{"SENTINEL_API_TOKEN=wrong"}, []string{"repair", "on"}, "Authorization: Bearer TOKEN"},
		{"token.yaml", []string{"SENTINEL_API_USER=prometheus", "SENTINEL_API_PASSWORD=tiger-of-prometheus"},
			[]string{"repair", "on"}, "the user prometheus is a viewer"},
		{"stranger.yaml", nil, []string{"silence", "list"}, "unknown authority"},
		{"stranger.yaml", []string{"SENTINEL_API_CA_FILE=" + s.authority.File}, []string{"silence", "list"}, ""},
		{"token.yaml", []string{"SENTINEL_API_TOKEN=tiger", "SENTINEL_API_CA_FILE=" + other.File},
			[]string{"silence", "list"}, "unknown authority"},
		{"token.yaml", []string{"SENTINEL_API_TOKEN=tiger", "SENTINEL_API_URL=http://localhost:" + port},
			[]string{"silence", "list"}, "HTTP request to an HTTPS server"},
		{"token.yaml", []string{"SENTINEL_API_TOKEN=tiger", "SENTINEL_API_CA_FILE=none.pem"},
			[]string{"silence", "list"}, "ca_file: open none.pem"},
	} {
		out, ok := s.says(c.env, append(c.args, "-c", c.file)...)
		if ok != (c.want == "") || !strings.Contains(out, c.want) || strings.Contains(out, "tiger-") {
			t.Errorf("%s %v %v: %s, want %q", c.file, c.env, c.args, out, c.want)
		}
	}
}

// TestPrometheusScrapesTheAgentByTLS with the configuration of docs/security.md.
func TestPrometheusScrapesTheAgentByTLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```yaml\nscrape_configs:")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("docs/security.md has no scrape_configs")
	}
	s.write("password", "tiger-of-prometheus")
	s.write("prometheus.yml", "global: {scrape_interval: 1s}\nscrape_configs:"+strings.NewReplacer(
		"sentinel.example.com:9780", s.agent, "/etc/prometheus/sentinel_ca.pem", s.authority.File,
		"/etc/prometheus/sentinel_password", filepath.Join(s.dir, "password")).Replace(block))
	prometheus := freeAddress(t)
	s.start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+prometheus)
	s.until("the agent is up", func() bool {
		return strings.Contains(s.get(prometheus, "/api/v1/query?query=up"), `,"1"]`)
	})
}
