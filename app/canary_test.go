package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// canaries are secrets that are found wherever they are shown. Each has a word of its own.
type canaries struct {
	words map[string]string // what each is of, by its word
}

// plant returns a secret with characters that escapes change.
func (c *canaries) plant(of string) string {
	word := fmt.Sprintf("Canary%04dbird", 1000+37*len(c.words))
	c.words[word] = of
	return word + "/+%"
}

// inURL is plant for a part of an address.
func (c *canaries) inURL(of string) string { return url.QueryEscape(c.plant(of)) }

// shown returns what of the canaries a text shows: as they are, as base64 or as hex.
func (c *canaries) shown(text string) (found []string) {
	lower := strings.ToLower(text)
	for word, of := range c.words {
		forms := []string{strings.ToLower(word), hex.EncodeToString([]byte(word))}
		for _, form := range forms {
			if at := strings.Index(lower, form); at >= 0 {
				found = append(found, fmt.Sprintf("%s: %q", of, text[max(0, at-60):min(len(text), at+40)]))
			}
		}
		for offset := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), word...))
			core := encoded[[]int{0, 2, 3}[offset] : (offset+len(word))*8/6]
			if at := strings.Index(text, core); at >= 0 {
				found = append(found, fmt.Sprintf("%s in base64: %q", of, text[max(0, at-60):min(len(text), at+40)]))
			}
		}
	}
	return found
}

// canaryConfiguration has a secret in every key that is one, each in another form.
func (w *way) canaryConfiguration(c *canaries, receiver string) string {
	hash, err := bcrypt.GenerateFromPassword([]byte(c.plant("password of a user")), bcrypt.MinCost)
	if err != nil {
		w.Fatal(err)
	}
	w.write("web.yml", fmt.Sprintf("basic_auth_users: {ann: %q}\n", hash))
	w.write("chat", receiver+"/chat/"+c.inURL("address in a file")+"\n")
	w.write("dsn", "postgres://u:"+c.inURL("dsn in a file")+"@127.0.0.1:1/d\n")
	for _, name := range []string{"dbt", "exec"} {
		program := "#!/bin/sh\nenv\nenv >&2\nexit 3\n"
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(program), 0o700); err != nil {
			w.Fatal(err)
		}
	}
	at := func(path string) string { return receiver + "/" + path + "/" + c.inURL(path) }
	lines := []string{
		"state_command: [echo, sqlite:state.db]", "listen: " + w.agent, fmt.Sprintf("token: %q", c.plant("token")),
		fmt.Sprintf("web: {config_file: web.yml, tokens: [{name: grafana, role: viewer, token: %q}], client: {username: ann, "+
			"password: %q}}", c.plant("token of grafana"), c.plant("password of the client")),
		fmt.Sprintf("backup: {to: \"s3://bucket/a\", schedule: \"@every 2s\", endpoint: %q, region: r, access_key: %q, secret_key: %q}",
			receiver, c.plant("access_key"), c.plant("secret_key")),
		"outbound: {proxy_url: \"http://u:" + c.inURL("proxy") + "@127.0.0.1:1\"}",
		"warehouses:",
		"  lite: {dsn: \"sqlite:shop.db\", repair_dsn: \"sqlite:shop.db\"}",
		"  url: {dsn_file: dsn, standby_dsn: [\"postgres://127.0.0.1:1/d?user=u&password=" + c.inURL("parameter") + "\"]}",
		fmt.Sprintf("  words: {dialect: postgres, dsn: \"host=127.0.0.1 port=1 user=u dbname=d password='%s'\"}", c.plant("words")),
		fmt.Sprintf("  maria: {dsn: \"u:%s@tcp(127.0.0.1:1)/d\"}", strings.Trim(c.plant("dsn of MySQL"), "/+%")),
		fmt.Sprintf("  env: {dsn: \"postgres://u:${CANARY}@127.0.0.1:1/d\", repair_dsn: \"postgres://w:%s@127.0.0.1:1/d\"}",
			c.inURL("repair_dsn")),
		"defaults: {schedule: \"@every 1s\", timezone: UTC}",
		"notify:",
		"  chat: {slack: {webhook_url_file: chat}}",
		fmt.Sprintf("  bot: {slack: {token: %q, channel: a, url: %q}}", c.plant("slack"), receiver+"/bot"),
		fmt.Sprintf("  hook: {webhook: {url: %q, secret: %q, headers: {Authorization: \"Bearer %s\", X-Key: %q}}}",
			at("webhook"), c.plant("signing key"), c.plant("header"), c.plant("second header")),
		fmt.Sprintf("  alerts: {alertmanager: {url: [%q], username: u, password: %q}}", at("alertmanager"), c.plant("alertmanager")),
		fmt.Sprintf("  alerts2: {alertmanager: {url: [%q], token: %q}}", receiver+"/am", c.plant("token of alertmanager")),
		fmt.Sprintf("  jsm: {jira_service_management: {api_key: %q, url: %q}}", c.plant("jira"), receiver+"/jsm"),
		fmt.Sprintf("  ops: {opsgenie: {api_key: %q, url: %q}}", c.plant("opsgenie"), receiver+"/ops"),
		fmt.Sprintf("  pager: {pagerduty: {routing_key: %q, url: %q}}", c.plant("pagerduty"), receiver+"/pd"),
		fmt.Sprintf("  push: {ntfy: {topic: t, token: %q, url: %q}}", c.plant("ntfy"), receiver+"/ntfy"),
		fmt.Sprintf("  mail: {email: {host: 127.0.0.1, port: 1, from: a@example.com, to: [b@example.com], username: u, "+
			"password: %q, tls: none}}", c.plant("mail")),
	}
	for _, kind := range []string{"discord", "googlechat", "mattermost", "teams"} {
		lines = append(lines, fmt.Sprintf("  %s: {%s: {webhook_url: %q}}", kind, kind, at(kind)))
	}
	lines = append(lines, "exporters:",
		fmt.Sprintf("  - influx: {url: %q, token: %q, bucket: b}", at("influx"), c.plant("influx token")),
		fmt.Sprintf("  - openlineage: {url: %q, token: %q}", at("openlineage"), c.plant("openlineage token")), "datasets:")
	for n, action := range []string{
		fmt.Sprintf("webhook: {url: %q, secret: %q, headers: {Authorization: \"Bearer %s\"}, lookup: %q, undo_url: %q}",
			at("repair"), c.plant("repair key"), c.plant("repair header"), at("lookup"), at("undo")),
		fmt.Sprintf("airflow: {url: %q, dag: d, token: %q}", receiver+"/airflow", c.plant("airflow")),
		fmt.Sprintf("airflow: {url: %q, dag: d, user: u, password: %q}", receiver+"/airflow", c.plant("airflow password")),
		fmt.Sprintf("dbt: {cloud: {url: %q, account: 1, job: 1, token: %q}}", receiver+"/dbt", c.plant("dbt cloud")),
		fmt.Sprintf("dbt: {program: %q, select: [a], env: {KEY: %q}, project: %q}", filepath.Join(w.dir, "dbt"), c.plant("dbt"), w.dir),
		fmt.Sprintf("exec: {command: [%q], env: {KEY: %q}}", filepath.Join(w.dir, "exec"), c.plant("exec")),
	} {
		lines = append(lines, fmt.Sprintf("  - {table: lite.main.a%d, checks: [row_count > 0], repair: [{on: [row_count], mode: auto, %s}]}",
			n, action))
		testenv.Exec(w, "sqlite", filepath.Join(w.dir, "shop.db"), fmt.Sprintf("CREATE TABLE a%d (id INTEGER PRIMARY KEY)", n))
	}
	for _, name := range []string{"url", "words", "maria", "env"} {
		lines = append(lines, fmt.Sprintf("  - {table: %s.d.t, checks: [row_count > 0]}", name))
	}
	return strings.Join(lines, "\n") + "\n"
}

// echoing answers every request with an error that repeats all of it.
func echoing(t *testing.T) string {
	t.Helper()
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		n++
		code := []int{400, 401, 500, 429}[n%4]
		mu.Unlock()
		w.WriteHeader(code)
		if _, err := fmt.Fprintf(w, "%s\n%q\n%s", said, said, url.QueryEscape(string(said))); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// notRun are commands that read no configuration with secrets, or that run an agent.
var notRun = []string{"backtest", "completion", "demo", "drill", "help", "import", "run"}

// canaryCommands are what a person types beside the agent.
var canaryCommands = []string{
	"docs", "docs security",
	"validate", "plan", "doctor", "check", "check --no-state --format json", "check --no-state --format junit",
	"gate --dataset lite.main.a0", "schema diff", "schema accept", "segments list --check lite.main.a0/row_count",
	"history --check lite.main.a0/row_count --metric row_count", "risk report", "risk explain lite.main.a0", "slo", "report", "incidents list",
	"incidents list --all", "incidents show INCIDENT", "incidents ack INCIDENT", "silence list",
	"silence add --dataset lite.main.a0 --for 1h --why x", "notify route --dataset lite.main.a0", "notify dead list",
	"notify dead retry --all", "notify test chat", "notify test bot", "notify test hook", "notify test alerts",
	"notify test alerts2", "notify test mail", "notify test discord", "notify test push", "repair list",
	"repair audit", "repair shadow", "repair dead list", "repair show REPAIR",
	"repair approve REPAIR", "repair rollback REPAIR", "repair off", "repair on", "state backup copy.db", "state verify",
	"state restore copy.db", "reload", "rules export rules -c sentinel.yaml", "dashboards export dashboards", "version",
	"contract export", "contract test copy.yaml", "contract check sentinel.yaml sentinel.yaml",
	"init postgres://u:${CANARY}@127.0.0.1:1/d", "init host=127.0.0.1%20port=1%20password=${CANARY}",
}

// TestNoSecretIsShown plants a secret in every key that is one, has everything fail with
// answers that repeat the requests, and looks at all that Sentinel writes: the log, the
// commands, the page, the API, the metrics and the files.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	c := &canaries{words: map[string]string{}}
	w := &way{T: t, dir: t.TempDir(), agent: freeAddress(t)}
	receiver := echoing(t)
	w.write("sentinel.yaml", w.canaryConfiguration(c, receiver))
	inEnvironment := c.inURL("environment")
	w.environment = []string{"CANARY=" + inEnvironment, "SENTINEL_API_TOKEN=" + w.tokenOf(c), "NO_COLOR=1"}
	w.everySecretKeyIsPlanted(inEnvironment)
	whole, err := os.ReadFile(filepath.Join(w.dir, "sentinel.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if found := c.shown(string(whole)); len(found) < 35 { // or the test could not fail
		t.Fatalf("%d secrets are found in the configuration itself", len(found))
	}
	log, err := os.Create(filepath.Join(w.dir, "agent.log"))
	if err != nil {
		t.Fatal(err)
	}
	w.stderr = log
	w.start("sentinel", "run", "-c", "sentinel.yaml", "--log-level", "debug")
	get := func(path string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.agent+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.tokenOf(c))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return ""
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Body.Close() != nil {
			return ""
		}
		return string(body)
	}
	w.until("repairs and notices have failed", func() bool {
		repairs := get("/api/v1/repairs")
		return strings.Count(repairs, "the receiver answers") >= 3 && strings.Contains(repairs, "exit status 3") &&
			strings.Count(get("/metrics"), `outcome="retried"`) > 5
	})
	w.write("chat", receiver+"/chat/"+c.inURL("address after a rotation")+"\n")
	find := func(where, text string) {
		t.Helper()
		for _, found := range c.shown(text) {
			t.Errorf("%s shows the secret of %s", where, found)
		}
	}
	paths := []string{"/", "/metrics", "/api/v1/results", "/api/v1/incidents?all=1", "/api/v1/repairs",
		"/api/v1/silences", "/api/v1/notifications/dead", "/-/ready", "/datasets", "/lineage", "/history", "/history/repairs",
		"/history/audit", "/history/report", "/silences"}
	for _, link := range regexp.MustCompile(`href="(/datasets/[^"]+)"`).FindAllStringSubmatch(get("/datasets"), -1) {
		paths = append(paths, link[1])
	}
	for _, path := range paths {
		body := get(path)
		if body == "" {
			t.Errorf("%s has no answer", path)
		}
		find(path, body)
	}
	incident := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(get("/api/v1/incidents"))
	repaired := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(get("/api/v1/repairs"))
	if incident == nil || repaired == nil {
		t.Fatal("no incident or no repair")
	}
	ids := strings.NewReplacer("INCIDENT", incident[1], "REPAIR", repaired[1], "${CANARY}", inEnvironment)
	said := map[string]string{}
	for _, line := range canaryCommands {
		args := strings.Fields(ids.Replace(line))
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "%20", " ")
		}
		cmd := w.command(args...)
		cmd.Env = append(os.Environ(), w.environment...)
		out, err := cmd.CombinedOutput()
		said[line] = string(out)
		if strings.Contains(string(out), "unknown command") || strings.Contains(string(out), "unknown flag") {
			t.Errorf("%s: %v %s", line, err, out)
		}
		find("`sentinel "+line+"`", string(out))
	}
	w.everyCommandIsRun()
	w.noFileHasACanary(find)
}

// tokenOf returns the planted token of an admin.
func (w *way) tokenOf(c *canaries) string {
	for word, of := range c.words {
		if of == "token" {
			return word + "/+%"
		}
	}
	w.Fatal("no token")
	return ""
}

func (w *way) everyCommandIsRun() {
	w.Helper()
	out, err := w.command("--help").CombinedOutput()
	if err != nil {
		w.Fatal(err)
	}
	_, list, _ := strings.Cut(string(out), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, line := range strings.Split(list, "\n") {
		name := strings.Fields(line)[0]
		run := slices.ContainsFunc(canaryCommands, func(c string) bool { return strings.HasPrefix(c+" ", name+" ") })
		if !run && !slices.Contains(notRun, name) {
			w.Errorf("`sentinel %s` is not looked at", name)
		}
	}
}

// noFileHasACanary looks at the bytes of all files that Sentinel has written.
func (w *way) noFileHasACanary(find func(where, text string)) {
	w.Helper()
	ours := []string{"sentinel.yaml", "web.yml", "chat", "dsn", "sentinel"}
	seen := 0
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains(ours, d.Name()) {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			seen++
			find("the file "+d.Name(), string(data))
		}
		return err
	})
	if err != nil || seen < 4 {
		w.Errorf("%d files, %v", seen, err)
	}
}

// everySecretKeyIsPlanted: a new key of a kind that is a secret belongs into the configuration.
func (w *way) everySecretKeyIsPlanted(environment string) {
	w.Helper()
	cfg, err := config.Load(filepath.Join(w.dir, "sentinel.yaml"), func(name string) (string, bool) {
		return environment, name == "CANARY"
	})
	if err != nil {
		w.Fatal(err)
	}
	planted, all := map[string]bool{}, map[string]bool{}
	add := func(zero any, err error) {
		if err != nil {
			w.Fatal(err)
		}
		secretKeys(reflect.ValueOf(zero).Elem(), all, false)
	}
	for _, v := range []any{&access.Token{}, &access.Client{}, &outbound.Rules{}, &warehouse.Config{}, &backup.Config{}} {
		add(v, nil)
	}
	secretKeys(reflect.ValueOf(&cfg.Web.Client).Elem(), planted, true)
	secretKeys(reflect.ValueOf(cfg.Outbound).Elem(), planted, true)
	secretKeys(reflect.ValueOf(cfg.Backup).Elem(), planted, true)
	for _, t := range cfg.Web.Tokens {
		secretKeys(reflect.ValueOf(&t).Elem(), planted, true)
	}
	for _, c := range cfg.Warehouses {
		secretKeys(reflect.ValueOf(&c).Elem(), planted, true)
	}
	for _, c := range cfg.Channels {
		secretKeys(reflect.ValueOf(c.Notifier).Elem(), planted, true)
	}
	for _, e := range cfg.Exporters {
		secretKeys(reflect.ValueOf(e.Exporter).Elem(), planted, true)
	}
	for _, d := range cfg.Datasets {
		for _, p := range d.Repairs {
			secretKeys(reflect.ValueOf(p.Action).Elem(), planted, true)
		}
	}
	for _, k := range notify.Kinds() {
		add(notify.New(k))
	}
	for _, k := range exporters.Kinds() {
		add(exporters.New(k))
	}
	for _, k := range repair.Actions() {
		add(repair.New(k))
	}
	for key := range all {
		if !planted[key] {
			w.Errorf("%s is a secret that is not planted", key)
		}
	}
	if len(all) < 20 {
		w.Errorf("%d keys", len(all))
	}
}

// secretKeys collects the keys of secrets in a struct, also in those that it points to; with
// set, only those that have a value.
func secretKeys(v reflect.Value, into map[string]bool, set bool) {
	for _, k := range settings.Keys(v.Type()) {
		f := v.FieldByIndex(k.Index)
		switch t := k.Type; {
		case settings.IsSecret(t):
			if !set || !f.IsZero() {
				into[v.Type().String()+"."+k.Name] = true
			}
		case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && (!set || !f.IsNil()):
			if f.IsNil() {
				f = reflect.New(t.Elem())
			}
			secretKeys(f.Elem(), into, set)
		case t.Kind() == reflect.Struct:
			secretKeys(f, into, set)
		}
	}
}
