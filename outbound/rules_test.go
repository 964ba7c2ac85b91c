package outbound_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/testenv"
)

func TestMistakesOfRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, key := testenv.NewAuthority(t, dir).Issue(t, "a", "a")
	for want, r := range map[string]*outbound.Rules{
		"no such file":         {CAFile: filepath.Join(dir, "none")},
		"no certificate in it": {CAFile: key},
		"want an address such": {Proxy: sentinel.NewSecret("s3cret.example.com:3128")},
		"or none":              {Proxy: sentinel.NewSecret("ftp://u:s3cret@proxy")},
		"want proxy_url too":   {NoProxy: []string{"a.example"}},
		"such as .example.com": {Proxy: sentinel.NewSecret("http://p"), NoProxy: []string{"a, b"}},
		"such as 10.0.0.0/8":   {Proxy: sentinel.NewSecret("http://p"), NoProxy: []string{"10.0.0.0/99"}},
	} {
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	var none *outbound.Rules
	if none.Roots() != nil || outbound.RulesOf(none.In(t.Context())) != nil {
		t.Error("no rules are rules")
	}
}

// TestRulesLeavePrivateAddressesClosed: a proxy does not open the addresses where clouds keep
// credentials, and what it says of a login is no secret.
func TestRulesLeavePrivateAddressesClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := testenv.NewAuthority(t, dir)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.StartTLS()
	t.Cleanup(s.Close)
	proxy := testenv.NewProxy(t, s.Listener.Addr().String(), "right")
	client := func(password string) *http.Client {
		r := &outbound.Rules{CAFile: authority.File, Proxy: sentinel.NewSecret("http://u:" + password + "@" + proxy.Address)}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		return outbound.Client(outbound.Options{Proxy: true, Rules: outbound.RulesOf(r.In(context.Background()))})
	}
	for _, host := range []string{"169.254.169.254", "metadata.google.internal"} {
		var address *outbound.AddressError
		resp, err := client("right").Get("https://" + host + "/latest")
		if !errors.As(err, &address) {
			t.Errorf("%s: %v, %v", host, resp, err)
		}
	}
	_, err := client("wr0ng-s3cret").Get("https://a.example")
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "Proxy Authentication Required") {
		t.Error(err)
	}
	// The server's certificate is of another authority.
	if _, err := client("right").Get("https://a.example"); err == nil || !strings.Contains(err.Error(), "failed to verify certificate") {
		t.Error(err)
	}
	if !proxy.Asked("a.example:443") {
		t.Error("the proxy was not asked")
	}
}
