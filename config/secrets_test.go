package config_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
)

func TestMistakesShowNoSecret(t *testing.T) {
	t.Parallel()
	tail := "datasets: [{table: w.t, checks: [schema]}]\n"
	for name, text := range map[string]string{
		"a mistake before the dsn, on its line": "warehouses: {w: {max_connections: many, dsn: " +
			"\"postgres://u:hunter22@h/d\"}}\n" + tail,
		"an unknown key on its line":       "warehouses: {w: {dsn: \"postgres://u:hunter22@h/d\", speed: 1}}\n" + tail,
		"a syntax error on its line":       "warehouses: {w: {dsn: \"postgres://u:hunter22@h/d\"}\n" + tail,
		"an unknown dialect":               "warehouses:\n  w:\n    dsn: oracle://u:hunter22@h/d\n" + tail,
		"a literal token of a wrong shape": "token: [hunter22]\nwarehouses: {w: {dsn: \"sqlite:w.db\"}}\n" + tail,
		"a variable in a threshold": "warehouses: {w: {dsn: \"sqlite:w.db\"}}\n" +
			"datasets: [{table: w.t, checks: [row_count: {fail: \"${V}\"}]}]\n",
		"a variable in a list": "warehouses: {w: {dsn: \"sqlite:w.db\"}}\n" +
			"datasets: [{table: w.t, depends_on: [\"${V}\"], checks: [schema]}]\n",
		"a mistake before a MySQL dsn": "warehouses: {w: {max_connections: many, dsn: " +
			"\"u:hunter22@tcp(h)/d\"}}\n" + tail,
		"a list below its key, on its line": "notify: {n: {pagerduty: {routing_key: [hunter22]}}}\n" + tail,
		"a header beside a mistake": "notify: {n: {webhook: {url: \"http://h\", headers: {A: \"a]}\", B: hunter22}, x: 1}}}\n" +
			tail,
		"a password in a list":      "notify: {n: {email: {host: h, from: a, to: [b], password: [hunter22]}}}\n" + tail,
		"a key that is mistyped":    "tokne: hunter22\n" + tail,
		"one of them, in JSON":      "notify: {n: {webhook: {\"url\":\"http://h\",\"hedaers\":{\"A\":\"hunter22\"}}}}\n" + tail,
		"one of them, below":        "warehouses:\n  w:\n    nsd:   \"hunter22 \\\" hunter22\" # ü\n" + tail,
		"a password in a parameter": "warehouses: {w: {dsn: 'postgres://u@h/d?password=hunter22&sslmode=x'}}\n" + tail,
		"a variable of a program": "datasets:\n- table: w.t\n  repair:\n  - on: [schema]\n    exec:\n      command: [a]\n" +
			"      env:\n        PASSWORD: [hunter22]\n",
		"a state with a password": "state: redis://u:hunter22@h/d\n" +
			"warehouses: {w: {dsn: \"sqlite:w.db\"}}\n" + tail,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Parse("f.yaml", []byte(text), env("V=hunter22"))
			if err == nil || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("want an error without the secret, got\n%v", err)
			}
		})
	}
}

// TestMistakesShowNoArgumentOfACommand: on its line, in its list below, and in brackets over
// several lines; also where the file is no YAML.
func TestMistakesShowNoArgumentOfACommand(t *testing.T) {
	t.Parallel()
	tail := "\ndatasets: [{table: w.t, checks: [schema]}]\n"
	for _, text := range []string{
		"warehouses:\n  w:\n    dsn_command: [nosuchprogram, hunter22]" + tail,
		"warehouses:\n  w:\n    dsn_command: nosuchprogram hunter22" + tail,
		"warehouses: {w: {\"dsn_command\": [nosuchprogram, hunter22]}}" + tail,
		"warehouses:\n  w:\n    dsn_command:\n      - nosuchprogram\n      - {a: hunter22}" + tail,
		"warehouses:\n  w:\n    dsn_command:\n    - nosuchprogram\n    - [hunter22]" + tail,
		"warehouses:\n  w:\n    dsn_command:\n    - cat\n    - a: b: hunter22" + tail,
		"warehouses:\n  w: {dsn_command: [cat,\n  a: b: hunter22]}" + tail,
		"warehouses:\n  w:\n    standby_dsn:\n    - [hunter22]\n    dsn: sqlite:x" + tail,
		"notify:\n  n:\n    webhook:\n      headers:\n        A: [hunter22]" + tail,
		"web:\n  tokens:\n    - token_command:\n        - cat\n        - {a: hunter22}\n      name: a" + tail,
	} {
		_, err := config.Parse("f.yaml", []byte(text), env(""))
		if err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s\nwant an error without the argument, got\n%v", text, err)
		}
	}
	_, err := config.Parse("f.yaml", []byte("web:\n  tokens:\n    - token_command: cat\n      nam: a"+tail), env(""))
	if err == nil || !strings.Contains(err.Error(), "\n          nam: a\n") {
		t.Errorf("want the line of another key, got %v", err)
	}
}
