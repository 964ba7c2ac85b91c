package hooks_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
)

// token is a secret whose letters mean something to URLs, JSON and HTML.
const token = `Zq7+tok/en="w<e>X&91`

// spellings are how a receiver may repeat a request.
var spellings = map[string]func(string) string{
	"as it is": func(s string) string { return s },
	"URL":      url.QueryEscape,
	"path":     url.PathEscape,
	"lower %":  func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"every %": func(s string) string {
		return "%" + strings.Join(strings.Split(strings.TrimSuffix(fmt.Sprintf("% x", s), " "), " "), "%")
	},
	"JSON": func(s string) string {
		quoted, _ := json.Marshal(s) // of a string, which cannot fail
		return string(quoted)
	},
	"JSON in JSON": func(s string) string {
		once, _ := json.Marshal(s)
		twice, _ := json.Marshal(string(once))
		return string(twice)
	},
	"JSON of PHP": func(s string) string {
		quoted, _ := json.Marshal(s)
		return strings.ReplaceAll(string(quoted), "/", `\/`)
	},
	"HTML":       html.EscapeString,
	"base64":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 URL": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"hex":        func(s string) string { return hex.EncodeToString([]byte(s)) },
	"capitals":   strings.ToUpper,
	"Go":         func(s string) string { return fmt.Sprintf("%q", s) },
}

// answers are the places of an answer that may repeat a request.
var answers = map[string]func(w http.ResponseWriter, said string){
	"body of a refusal": func(w http.ResponseWriter, said string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "refused: "+said)
	},
	"where it is cut": func(w http.ResponseWriter, said string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, strings.Repeat("-", 290)+said)
	},
	"status": func(w http.ResponseWriter, said string) {
		hijacked(w, "HTTP/1.1 400 "+strings.Join(strings.Fields(said), " ")+"\r\nContent-Length: 0\r\n\r\n")
	},
	"status of an error": func(w http.ResponseWriter, said string) {
		hijacked(w, "HTTP/1.1 503 "+strings.Join(strings.Fields(said), " ")+"\r\nContent-Length: 0\r\n\r\n")
	},
	"broken answer": func(w http.ResponseWriter, said string) {
		hijacked(w, strings.Join(strings.Fields(said), " ")+"\r\n\r\n")
	},
}

func hijacked(w http.ResponseWriter, text string) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, text)
	_ = c.Close()
}

// echo is a receiver that repeats the whole request, spelled in one way.
func echo(t *testing.T, answer func(http.ResponseWriter, string), spell func(string) string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		user, password, _ := r.BasicAuth()
		said := []string{spell(r.Header.Get("Authorization")), spell(user + ":" + password), spell(r.URL.String()),
			spell(r.URL.Path), spell(r.URL.Query().Get("key")), spell(r.Header.Get("X-Key")), spell(string(request))}
		if r.URL.Path == "/auth/token" && !bytes.Contains(request, []byte("wrong")) {
			said = []string{`{"access_token": "` + "Issued-9c1f-token" + `"}`}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, said[0])
			return
		}
		answer(w, strings.Join(said, " "))
	}))
	t.Cleanup(s.Close)
	return s
}

// echoed are hooks with secrets in every place that a hook has for them.
func echoed(t *testing.T, to string) map[string]repair.Action {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	address := "http://user:" + url.QueryEscape(token) + "@" + u.Host + "/hook/" + url.PathEscape(token) + "?key=" +
		url.QueryEscape(token)
	account := t.TempDir()
	for name, text := range map[string]string{"token": token, "namespace": "etl"} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]repair.Action{
		"webhook": &hooks.Webhook{URL: sentinel.NewSecret(address), Idempotent: true, Headers: map[string]sentinel.Secret{
			"Authorization": sentinel.NewSecret("Bearer " + token), "X-Key": sentinel.NewSecret(token)}},
		"webhook of an address alone": &hooks.Webhook{URL: sentinel.NewSecret(address)},
		"airflow":                     &hooks.Airflow{URL: to, DAG: "reload", Token: sentinel.NewSecret(token)},
		"airflow 2": &hooks.Airflow{URL: to, DAG: "reload", API: "v1",
			User: "user", Password: sentinel.NewSecret(token)},
		"airflow 3": &hooks.Airflow{URL: to, DAG: "reload",
			User: "user", Password: sentinel.NewSecret(token)},
		"airflow login": &hooks.Airflow{URL: to, DAG: "reload",
			User: "wrong", Password: sentinel.NewSecret(token)},
		"dbt": &hooks.DBT{Cloud: &hooks.DBTCloud{URL: to, Account: 1, Job: 2,
			Token: sentinel.NewSecret(token)}},
		"kubernetes": &hooks.Kubernetes{CronJob: "reload", Server: to, Account: account},
	}
}

// Each hook meets each place of an answer, in one spelling after the other.
func TestAnswersAreShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	all := slices.Sorted(maps.Keys(spellings))
	for i, place := range slices.Sorted(maps.Keys(answers)) {
		for j, hook := range slices.Sorted(maps.Keys(echoed(t, ""))) {
			spelling := all[(8*i+j)%len(all)]
			t.Run(hook+", "+place+", "+spelling, func(t *testing.T) {
				t.Parallel()
				kind, _, _ := strings.Cut(hook, " ")
				server := echo(t, answers[place], spellings[spelling])
				r, messages := carried(t, kind, echoed(t, server.URL)[hook])
				if r.State != sentinel.DeadLetter {
					t.Fatalf("%s: %s", r.State, r.Message)
				}
				noSecret(t, fmt.Sprint(r.Plan.Steps, r.Plan.Summary, messages))
			})
		}
	}
}

func noSecret(t *testing.T, shown string) {
	t.Helper()
	for _, secret := range []string{token, "tok/en", "Issued-9c1f", "Zq7"} {
		for form, spell := range spellings {
			if s := strings.Trim(spell(secret), `"=`); len(s) > 2 && strings.Contains(shown, s) {
				t.Errorf("%q as %s is in %s", secret, form, shown)
			}
		}
	}
}

func TestOutputIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"
	for name, text := range map[string]string{
		"as it is":     `echo "the token is $TOKEN"; exit 3`,
		"base64":       `printf 'user:%s' "$TOKEN" | base64 -w 0; exit 3`,
		"on one line":  `printf '%s' "$TOKEN" | tr -d '\n'; exit 3`,
		"a line of it": `echo "$KEY" | sed -n 2p; exit 3`,
		"cut":          `head -c 70000 /dev/zero | tr '\0' 'x'; printf '%s' "$TOKEN"; head -c 65500 /dev/zero | tr '\0' 'y'; exit 3`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := hooked(t, "exec", &hooks.Exec{Command: []string{script(t, text)},
				Env: map[string]sentinel.Secret{"TOKEN": sentinel.NewSecret(token), "KEY": sentinel.NewSecret(pem)}})
			if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "exit status 3") || len(r.Message) > 2000 {
				t.Errorf("%s: %s", r.State, r.Message)
			}
			for _, secret := range []string{"Zq7", "w<e>", "MIIEvQ", base64.StdEncoding.EncodeToString([]byte("user:" + token))[8:20]} {
				if strings.Contains(r.Message, secret) {
					t.Errorf("%q is in %s", secret, r.Message)
				}
			}
		})
	}
}

// A receiver may ask for an hour at most. Every answer counts as a try.
func TestRetryAfterIsBounded(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"31536000", "99999999999", "99999999999999999999999", "-5", "soon", "1e9",
		time.Now().AddDate(200, 0, 0).UTC().Format(http.TimeFormat), "Fri, 31 Dec 9999 23:59:59 GMT"} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			rec := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			r := hooked(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret(rec.URL)})
			keys, _, _ := rec.seen()
			if r.State != sentinel.DeadLetter || len(keys) != 6 || r.Updated.After(time.Now().Add(6*time.Hour)) {
				t.Errorf("%s after %d requests, at %s", r.State, len(keys), r.Updated)
			}
		})
	}
}

// Marks are kept where nobody else can put a link in their place.
func TestMarksFollowNoLink(t *testing.T) {
	for name, plant := range map[string]func(directory, victim string) error{
		"a link": func(directory, victim string) error { return os.Symlink(filepath.Dir(victim), directory) },
		"writable by others": func(directory, _ string) error {
			if err := os.Mkdir(directory, 0o700); err != nil {
				return err
			}
			return os.Chmod(directory, 0o777) //nolint:gosec // it is to be refused
		},
	} {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			victim := filepath.Join(t.TempDir(), "victim")
			if err := plant(filepath.Join(tmp, fmt.Sprintf("sentinel-%d", os.Getuid())), victim); err != nil {
				t.Fatal(err)
			}
			r := hooked(t, "exec", &hooks.Exec{Command: []string{"/bin/true"}})
			if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "only this user writes to") {
				t.Errorf("%s: %s", r.State, r.Message)
			}
			if left, err := os.ReadDir(filepath.Dir(victim)); err != nil || len(left) > 0 {
				t.Errorf("%v, %v", left, err)
			}
		})
	}
}
