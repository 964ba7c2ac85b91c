package outbound_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/outbound"
)

func TestAddressesWhereCloudsKeepCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	for host, refused := range map[string]bool{
		"169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true, "::ffff:169.254.169.254": true,
		"100.100.100.200": true, "fd00:ec2::254": true, "192.0.0.192": true, "224.0.0.1": true,
		"127.0.0.1": false, "10.0.0.1": false, "::1": false, "8.8.8.8": false, "collector.example.com": false,
	} {
		var address *outbound.AddressError
		if err := outbound.CheckHost(host); errors.As(err, &address) != refused {
			t.Errorf("%s: %v", host, err)
		}
	}
	_, err := outbound.Client(outbound.Options{}).Get("http://169.254.169.254/latest")
	var address *outbound.AddressError
	if !errors.As(err, &address) {
		t.Errorf("dialled: %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	resp, err := outbound.Client(outbound.Options{}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || asked != 1 {
		t.Errorf("%s after %d requests", resp.Status, asked)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "120": 2 * time.Minute, " 1 ": time.Second, "31536000": time.Hour, "99999999999999999999": time.Hour, "1e3": 0, "1.5": 0,
		now.Add(time.Minute).Format(http.TimeFormat):          time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat):         0,
		now.Add(365 * 24 * time.Hour).Format(http.TimeFormat): time.Hour,
	} {
		if got := outbound.RetryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestSecretsAreScrubbed(t *testing.T) {
	t.Parallel()
	text := outbound.Scrub("refused Bearer s3cret-token at https://hooks/services/T000001/x: try",
		"Bearer s3cret-token", "https://hooks/services/T000001/x", "")
	if strings.Contains(text, "s3cret") || strings.Contains(text, "T000001") || !strings.HasSuffix(text, ": try") {
		t.Error(text)
	}
	if text := outbound.Scrub("no T000001", "https://hooks/services/T000001/x"); text != "no ***" {
		t.Error(text)
	}
}

func TestErrorsHoldNoAddress(t *testing.T) {
	t.Parallel()
	_, err := outbound.Client(outbound.Options{}).Get("http://127.0.0.1:1/token")
	if err = outbound.WithoutURL(err); err == nil || strings.Contains(err.Error(), "token") {
		t.Error(err)
	}
}
