package access_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestMistakesOfTheWebConfigurationFile: each says what is wrong, and shows no key and no hash.
func TestMistakesOfTheWebConfigurationFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.NewAuthority(t, dir).Issue(t, "agent", "127.0.0.1")
	path := filepath.Join(dir, "web.yml")
	for text, want := range map[string]string{
		"tls_server_config: {cert_file: agent.pem}":                                               "missing one of key or key_file",
		"tls_server_config: {key_file: agent.key}":                                                "missing one of cert or cert_file",
		"tls_server_config: {cert_file: none.pem, key_file: agent.key}":                           "none.pem",
		"tls_server_config: {cert_file: agent.key, key_file: agent.key}":                          "X509KeyPair",
		"tls_server_config: {cert_file: agent.pem, key_file: agent.key, min_version: TLS9}":       "unknown TLS version",
		"tls_server_config: {cert_file: agent.pem, key_file: agent.key, client_auth_type: Maybe}": "invalid ClientAuth",
		"tls_server_config: {cert_file: agent.pem, key_file: agent.key, client_ca_file: ca.pem}":  "without a Client Auth Policy",
		"basic_auth_users: {ann: hunter22}":                                                       "ann: want a hash by bcrypt",
		"basic_auth_users: {\"a:b\": hunter22}":                                                   "want names of up to 64",
		"basic_auth_users: [hunter22]":                                                            "cannot unmarshal",
		"tls_server_conf: {key: hunter22}":                                                        "tls_server_conf",
		"http_server_config: {headers: {X-A: b}}":                                                 `"X-A" cannot be set`,
		"http_server_config: {headers: {X-Frame-Options: no}}":                                    "want one of deny, sameorigin",
		"rate_limit: {interval: 1s}":                                                              "a burst of at least 1",
		"a: [":                                                                                    "line 1",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := access.OpenWebFile(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) ||
			strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
	if _, err := access.OpenWebFile(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	if _, err := access.OpenWebFile(dir); err == nil {
		t.Error("a folder was read")
	}
}

func TestUsersNeedTheWebConfigurationFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(path, []byte("basic_auth_users: {ann: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, a := range map[string]access.Access{
		"want config_file":     {Users: map[string]string{"ann": "viewer"}},
		`has no user "eve"`:    {ConfigFile: path, Users: map[string]string{"eve": "viewer"}},
		`unknown role "boss"`:  {ConfigFile: path, Users: map[string]string{"ann": "boss"}},
		"go together":          {Client: access.Client{Username: "ann"}},
		"cert_file and key":    {Client: access.Client{CertFile: "x"}},
		"want an address such": {Client: access.Client{URL: "sentinel"}},
		"as username and":      {Client: access.Client{URL: "https://a:b@sentinel"}},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	a := access.Access{ConfigFile: path, Users: map[string]string{"ann": "admin"}}
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
}

func TestWhereTheCommandLineFindsTheAgent(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:9780": "http://127.0.0.1:9780", "0.0.0.0:9780": "http://127.0.0.1:9780", ":9780": "http://127.0.0.1:9780",
		"[::]:9780": "http://[::1]:9780", "[::1]:1": "http://[::1]:1", "sentinel:9780": "http://sentinel:9780",
	} {
		a := access.Access{}
		if got := a.BaseURL(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
	a := access.Access{Client: access.Client{URL: "https://sentinel.example.com"}}
	if got := a.BaseURL(":1"); got != "https://sentinel.example.com" {
		t.Error(got)
	}
}

// TestAWebFileThatLosesItsUsersOpensNothing: while an editor writes the file, all that needed a
// login goes on to need it, and the file counts as unread.
func TestAWebFileThatLosesItsUsersOpensNothing(t *testing.T) {
	t.Parallel()
	const users = "basic_auth_users: {ann: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}\n"
	path := filepath.Join(t.TempDir(), "web.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Unix(1_800_000_000, 0)
	open := func(text string) (g *access.Guard, unread func() error) {
		t.Helper()
		write(text)
		a := access.Access{ConfigFile: path}
		if err := a.Validate(); err != nil {
			t.Fatal(err)
		}
		return guard(a, loopback, &now, &refusals{}), func() error { return a.WebFile().Refresh(t.Context()) }
	}
	g, unread := open(users)
	for _, c := range []struct{ text, says string }{
		{"", "users are switched off by a restart"}, {"# nothing yet", "users are switched off by a restart"},
		{"basic_auth_users: {}", "users are switched off by a restart"}, {"basic_auth_users: {ann", "yaml"}, {users, ""},
	} {
		write(c.text)
		err := unread()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
		for name, h := range map[string]http.Handler{"the API": g.Reads(who), "/metrics": g.ReadsMetrics(who)} {
			if code, _ := ask(h, "GET", ""); code != 401 {
				t.Errorf("%q: %s answers %d without a login", c.text, name, code)
			}
		}
	}
	// Users that come into a file without any count at once.
	g, unread = open("")
	if code, _ := ask(g.Reads(who), "GET", ""); code != 200 {
		t.Errorf("without users: %d", code)
	}
	write(users)
	if err := unread(); err != nil {
		t.Error(err)
	}
	if code, _ := ask(g.Reads(who), "GET", ""); code != 401 {
		t.Errorf("with users that are new: %d", code)
	}
}
