package telemetry

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// settings holds what Sentinel reads of a signal's OTEL_EXPORTER_OTLP_* variables. The
// exporters also read the variables, but replace an invalid value by a default.
// Sentinel refuses to start instead.
type settings struct {
	grpc    bool
	target  string   // host and port of a gRPC endpoint without a scheme
	secrets []string // values of headers
}

// readSettings checks the variables of a signal: TRACES, METRICS or LOGS. Its
// errors name the variable and never hold the value of a header.
func readSettings(signal string, env func(string) string) (s settings, err error) {
	if name := env("OTEL_" + signal + "_EXPORTER"); name != "" && name != "otlp" {
		return s, fmt.Errorf("OTEL_%s_EXPORTER: unknown word %q: want otlp or none", signal, name)
	}
	get := func(name string) string {
		return cmp.Or(env("OTEL_EXPORTER_OTLP_"+signal+"_"+name), env("OTEL_EXPORTER_OTLP_"+name))
	}
	switch protocol := get("PROTOCOL"); protocol {
	case "", "http/protobuf":
	case "grpc":
		s.grpc = true
	default:
		return s, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: unknown word %q: want http/protobuf or grpc", protocol)
	}
	switch compression := get("COMPRESSION"); compression {
	case "", "none", "gzip":
	default:
		return s, fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION: unknown word %q: want gzip or none", compression)
	}
	if text := get("TIMEOUT"); text != "" {
		if ms, err := strconv.Atoi(text); err != nil || ms <= 0 {
			return s, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT: %q: want milliseconds", text)
		}
	}
	if s.secrets, err = headerValues(get("HEADERS")); err != nil {
		return s, err
	}
	if s.target, err = checkEndpoint(get("ENDPOINT"), s.grpc); err != nil {
		return s, err
	}
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
