package config_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
)

// A token that everybody knows does not guard an agent that others reach.
func TestTokensThatGuardNothing(t *testing.T) {
	t.Parallel()
	const file = "warehouses: {w: {dsn: \"sqlite:w.db\"}}\ndatasets: [{table: w.t, checks: [row_count > 0]}]\n"
	const good = "7f4d1c0b9a8e6f5d4c3b2a190807f6e5"
	for _, c := range []struct{ listen, token, mistake string }{
		{"0.0.0.0:9780", "change-me", "everybody knows"},
		{":9780", "ChangeMe", "everybody knows"},
		{"10.0.0.5:9780", "secret", "everybody knows"},
		{"'[::]:9780'", "password", "everybody knows"},
		{"sentinel.example:9780", "hunter22", "has 8 characters"},
		{"0.0.0.0:9780", good, ""},
		{"127.0.0.1:9780", "change-me", ""},
		{"'[::1]:9780'", "change-me", ""},
		{"localhost:9780", "hunter22", ""},
	} {
		_, err := config.Parse("a.yaml", []byte("listen: "+c.listen+"\ntoken: "+c.token+"\n"+file), nil)
		if (err == nil) != (c.mistake == "") || err != nil && !strings.Contains(err.Error(), c.mistake) {
			t.Errorf("%s at %s: %v", c.token, c.listen, err)
		}
	}
}

// Two tokens with one text would make two people one.
func TestTokensOfOneText(t *testing.T) {
	t.Parallel()
	const file = "warehouses: {w: {dsn: \"sqlite:w.db\"}}\ndatasets: [{table: w.t, checks: [row_count > 0]}]\n"
	for _, c := range []struct{ web, mistake string }{
		{"web: {tokens: [{name: a, token: one}, {name: b, role: viewer, token: one}]}", "the tokens a and b are the same text"},
		{"token: one\nweb: {tokens: [{name: a, token: one}]}", "the tokens a and token are the same text"},
		{"token: one\nweb: {tokens: [{name: a, token: two}]}", ""},
	} {
		_, err := config.Parse("a.yaml", []byte(c.web+"\n"+file), nil)
		if (err == nil) != (c.mistake == "") || err != nil && !strings.Contains(err.Error(), c.mistake) {
			t.Errorf("%s: %v", c.web, err)
		}
	}
}
