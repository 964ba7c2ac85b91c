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
