package telemetry

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// settings holds what Sentinel reads of a signal's OTEL_EXPORTER_OTLP_* variables. The
// exporters also read the variables, but replace an address, headers or a certificate that
// they cannot use by a default. Sentinel does not send the signal instead.
type settings struct {
	grpc    bool
	target  string   // host and port of a gRPC endpoint without a scheme
	secrets []string // values of headers
	secure  bool     // the endpoint speaks TLS
	trusts  bool     // the variables say which certificates to trust
}

// readSettings checks what the variables of a signal name: TRACES, METRICS or LOGS.
// cleanEnvironment has checked their words and numbers. Its errors name the variable and
// never hold the value of a header.
func readSettings(signal string, env func(string) string) (s settings, err error) {
	get := func(name string) string {
		return cmp.Or(env("OTEL_EXPORTER_OTLP_"+signal+"_"+name), env("OTEL_EXPORTER_OTLP_"+name))
	}
	s.grpc = get("PROTOCOL") == "grpc"
	if s.secrets, err = headerValues(get("HEADERS")); err != nil {
		return s, err
	}
	if s.target, err = checkEndpoint(get("ENDPOINT"), s.grpc); err != nil {
		return s, err
	}
	s.secure = strings.HasPrefix(get("ENDPOINT"), "https://")
	s.trusts = get("CERTIFICATE") != "" || get("CLIENT_CERTIFICATE") != ""
	return s, checkCertificates(get("CERTIFICATE"), get("CLIENT_CERTIFICATE"), get("CLIENT_KEY"))
}

// headerValues checks headers, which are written as key=value,key=value with
// percent-encoded values, and returns the values in both forms.
func headerValues(list string) (values []string, err error) {
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value = strings.TrimSpace(value)
		text, err := url.PathUnescape(value)
		if !ok || err != nil || strings.TrimSpace(key) == "" {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: want key=value,key=value")
		}
		for _, secret := range []string{text, value} {
			if len(secret) > 3 { // shorter ones are words of any text
				values = append(values, secret)
			}
		}
	}
	return values, nil
}

// checkEndpoint checks the address of a receiver. It returns the host and port of an
// address for gRPC that has no scheme, which the libraries do not read.
func checkEndpoint(at string, grpc bool) (target string, err error) {
	if at == "" {
		return "", nil
	}
	if grpc && !strings.Contains(at, "://") {
		return at, nil
	}
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: want an address such as http://collector:4318")
	case u.User != nil:
		return "", errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: " +
			"holds credentials: set OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20TOKEN instead")
	}
	return "", nil
}

func checkCertificates(authority, certificate, key string) error {
	if authority != "" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %s holds no certificate", authority)
		}
	}
	if certificate != "" || key != "" {
		if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: %w", err)
		}
	}
	return nil
}
