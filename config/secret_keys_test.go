package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// noSecrets are keys whose names sound like secrets, and why they are none.
var noSecrets = map[string]string{
	"url of notify.Slack":                 "the address of Slack's API",
	"url of notify.PagerDuty":             "the address of PagerDuty's API",
	"url of notify.Opsgenie":              "the address of Opsgenie's API",
	"url of notify.JiraServiceManagement": "the address of the API",
	"url of notify.Ntfy":                  "the address of the server; user and password are refused in it",
	"url of hooks.Airflow":                "plans show it; user and password are refused in it",
	"url of hooks.DBTCloud":               "plans show it; user and password are refused in it",
	"env of hooks.Kubernetes":             "the Job shows it; secrets of a Job are a Secret of Kubernetes",
	"tokens of access.Access":             "a list of tokens with names: the text of each is one",
	"url of access.Client":                "the address of the agent; user and password are refused in it",
	"external_url of config.file":         "the address of the agent for people",
}

var soundsSecret = regexp.MustCompile(`(^|_)(dsn|token|tokens|password|secret|credentials?|headers|env|url|(api|routing|access|secret)_key)$`)

// TestEverySecretKeyComesFromFilesAndCommands: a key that sounds like a secret is one, and
// each secret key has its _file and its _command.
func TestEverySecretKeyComesFromFilesAndCommands(t *testing.T) {
	t.Parallel()
	count := 0
	walkStructs(reflect.TypeFor[file](), map[reflect.Type]bool{}, func(at reflect.Type, k settings.Key) {
		names := map[string]int{}
		for _, other := range settings.AllKeys(at) {
			names[other.Name]++
		}
		for name, n := range names {
			if n > 1 {
				t.Errorf("%s has the key %s twice", at, name)
			}
		}
		switch {
		case k.ValueOf != "":
		case settings.IsSecret(k.Type):
			count++
			if names[k.Name+"_file"] != 1 || names[k.Name+"_command"] != 1 {
				t.Errorf("%s of %s has no _file or no _command", k.Name, at)
			}
		case soundsSecret.MatchString(k.Name) && noSecrets[k.Name+" of "+at.String()] == "" && k.Type.Kind() != reflect.Struct:
			t.Errorf("%s of %s is no secret: make it one, or say why not", k.Name, at)
		}
	})
	if count < 20 {
		t.Errorf("%d secret keys", count)
	}
}

// TestEverySecretKeyOfAKindIsRead sets each secret key of each kind by a file and by a
// command, and finds the value in the kind.
func TestEverySecretKeyOfAKindIsRead(t *testing.T) {
	t.Parallel()
	const value = "https://canary.example.com/x"
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reg := range registries {
		for _, name := range reg.names() {
			for _, k := range settings.AllKeys(kindType(reg, name)) {
				if k.ValueOf == "" {
					continue
				}
				form := path
				if k.Type == reflect.TypeFor[settings.Command]() || k.Type.Kind() != reflect.String &&
					k.Type.Elem() == reflect.TypeFor[settings.Command]() {
					form = "cat " + path
				}
				if k.Type.Kind() == reflect.Map {
					form = "{Name: " + form + "}"
				}
				into := reflect.New(kindType(reg, name))
				r := newReader("f.yaml", []byte(k.Name+": "+form+"\n"), nil)
				r.root = r.parse(r.source)
				if !r.decode(r.root, into.Interface()) {
					t.Errorf("%s.%s: %v", name, k.Name, r.errors())
					continue
				}
				if got := settings.Secrets(into.Interface()); !slices.Equal(got, []string{value}) {
					t.Errorf("%s.%s: %q", name, k.Name, got)
				}
			}
		}
	}
}

func TestSecretsFromFilesAndCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"dsn": "postgres://u:hunter22@h/d\n", "empty": "\n", "standby": "postgres://u:hunter22@h2/d", "token": "hunter22-hunter22",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const tail = "\ndatasets: [{table: w.t, checks: [schema]}]\n"
	parse := func(text string) (*Config, error) {
		return Parse(filepath.Join(dir, "f.yaml"), []byte(text+tail), func(string) (string, bool) { return "", false })
	}
	c, err := parse("token_command: cat token\nwarehouses: {w: {dsn_file: dsn, standby_dsn_file: standby, " +
		"standby_dsn_command: [[cat, standby]]}}\nnotify: {n: {webhook: {url: \"http://h\", headers: {A: x}, " +
		"headers_file: {B: token}, headers_command: {C: [cat, token]}}}}")
	if err != nil {
		t.Fatal(err)
	}
	if c.Token.Reveal() != "hunter22-hunter22" || c.Warehouses[0].DSN.Reveal() != "postgres://u:hunter22@h/d" ||
		len(c.Warehouses[0].StandbyDSN) != 2 || len(c.Secrets) != 5 {
		t.Errorf("%d sources", len(c.Secrets))
	}
	if got := settings.Secrets(c.Channels[0].Notifier); len(got) != 4 {
		t.Errorf("%d secrets of the channel", len(got))
	}
	for text, want := range map[string]string{
		"warehouses: {w: {dsn_file: none}}":                                     "none: no such file",
		"warehouses: {w: {dsn_file: empty}}":                                    "empty is empty",
		"warehouses: {w: {dsn_file: .}}":                                        "is not a regular file",
		"warehouses: {w: {dsn: \"sqlite:x\", dsn_file: dsn}}":                   "dsn_file and dsn both set it",
		"warehouses: {w: {dsn_command: cat dsn, dsn_file: dsn}}":                "dsn_command and dsn_file both set it",
		"warehouses: {w: {dsn_command: [nosuchprogram, hunter22]}}":             "the command nosuchprogram: executable file not found",
		"warehouses: {w: {dsn_command: [sh, -c, 'echo hunter22 >&2; exit 3']}}": "the command sh: exit status 3",
		"warehouses: {w: {dsn_command: \"cat dsn | head\"}}":                    "no shell runs a command",
		"warehouses: {w: {dsn_file: dsn, standby_dsn_command: [cat, standby]}}": "each a list of its words",
		"warehouses: {w: {dsn_command: []}}":                                    "want a program",
		"warehouses: {w: {dsn_file: dsn}}\nnotify: {n: {webhook: {url: \"http://h\", headers: {A: x}, headers_file: {A: token}}}}": "A has a value in another key",
		"warehouses: {w: {dsn_file: dsn}}\nnotify: {n: {slack: {webhook_url_file: token}}}":                                        "webhook_url: want an address",
	} {
		_, err := parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(strings.ReplaceAll(err.Error(), text, ""), "hunter22-") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestSecretsAreNeverFormatted(t *testing.T) {
	t.Parallel()
	type holder struct{ inner sentinel.Secret }
	h := holder{sentinel.NewSecret("hunter22")}
	texts := []string{fmt.Sprint(h), h.inner.String()}
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("hunter22"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := secrets.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type source struct{ inner sentinel.SecretSource }
	holders := []any{
		h, &h, h.inner, &h.inner, h.inner.Source(), file, source{h.inner.Source()}, source{file}, []any{file}, map[string]any{"a": file},
		sentinel.SecretFrom(file), holder{sentinel.SecretFrom(file)},
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range holders {
			texts = append(texts, fmt.Sprintf(format, v))
		}
	}
	for _, text := range texts {
		if strings.Contains(text, "hunter22") || strings.Contains(text, "68756e74") || strings.Contains(text, "104 117 110") {
			t.Error(text)
		}
	}
}
