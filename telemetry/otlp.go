package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/credentials"

	"github.com/sentinel-dq/sentinel/outbound"
)

// retry says how often and for how long a failed request is tried again.
var retry = otlptracehttp.RetryConfig{
	Enabled:         true,
	InitialInterval: 500 * time.Millisecond,
	MaxInterval:     10 * time.Second,
	MaxElapsedTime:  time.Minute,
}

// grpcOptions are the options of an exporter over gRPC. endpoint makes the option of the
// receiver's address.
func grpcOptions[O any](s settings, endpoint func(address string) O, options ...O) []O {
	if s.target == "" {
		return options
	}
	return append(options, endpoint(s.target))
}

// proxyFunc returns the proxy of a request.
type proxyFunc = func(*http.Request) (*url.URL, error)

// routed adds the rules of the configuration to the options of an exporter over HTTP. The
// variables go before them.
func routed[O any](
	ctx context.Context, s settings, trust func(*tls.Config) O, through func(proxyFunc) O, options ...O,
) []O {
	rules := outbound.RulesOf(ctx)
	if rules == nil {
		return options
	}
	cfg, proxy := rules.Transport()
	if options = append(options, through(proxy)); cfg.RootCAs != nil && !s.trusts {
		options = append(options, trust(cfg))
	}
	return options
}

// trusting adds the authorities of the configuration to the options of an exporter over gRPC.
func trusting[O any](
	ctx context.Context, s settings, trust func(credentials.TransportCredentials) O, options ...O,
) []O {
	roots := outbound.RulesOf(ctx).Roots()
	if roots == nil || s.trusts || !s.secure {
		return options
	}
	return append(options, trust(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})))
}

// spanExporter returns the exporter of traces. The libraries read the variables;
// validate has checked them.
func (s settings) spanExporter(ctx context.Context) (_ sdktrace.SpanExporter, err error) {
	var to sdktrace.SpanExporter
	if s.grpc {
		options := grpcOptions(s, otlptracegrpc.WithEndpoint, otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(retry)))
		to, err = otlptracegrpc.New(ctx, trusting(ctx, s, otlptracegrpc.WithTLSCredentials, options...)...)
	} else {
		through := func(p proxyFunc) otlptracehttp.Option { return otlptracehttp.WithProxy(p) }
		options := routed(ctx, s, otlptracehttp.WithTLSClientConfig, through, otlptracehttp.WithRetry(retry))
		to, err = otlptracehttp.New(ctx, options...)
	}
	return spanScrubber{to, s}, s.scrub(err)
}

// metricExporter returns the exporter of metrics.
func (s settings) metricExporter(ctx context.Context) (_ sdkmetric.Exporter, err error) {
	var to sdkmetric.Exporter
	if s.grpc {
		options := grpcOptions(s, otlpmetricgrpc.WithEndpoint, otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(retry)))
		to, err = otlpmetricgrpc.New(ctx, trusting(ctx, s, otlpmetricgrpc.WithTLSCredentials, options...)...)
	} else {
		through := func(p proxyFunc) otlpmetrichttp.Option { return otlpmetrichttp.WithProxy(p) }
		options := routed(ctx, s, otlpmetrichttp.WithTLSClientConfig, through, otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(retry)))
		to, err = otlpmetrichttp.New(ctx, options...)
	}
	return metricScrubber{to, s}, s.scrub(err)
}

// logExporter returns the exporter of log records.
func (s settings) logExporter(ctx context.Context) (_ sdklog.Exporter, err error) {
	var to sdklog.Exporter
	if s.grpc {
		options := grpcOptions(s, otlploggrpc.WithEndpoint, otlploggrpc.WithRetry(otlploggrpc.RetryConfig(retry)))
		to, err = otlploggrpc.New(ctx, trusting(ctx, s, otlploggrpc.WithTLSCredentials, options...)...)
	} else {
		through := func(p proxyFunc) otlploghttp.Option { return otlploghttp.WithProxy(p) }
		options := routed(ctx, s, otlploghttp.WithTLSClientConfig, through, otlploghttp.WithRetry(otlploghttp.RetryConfig(retry)))
		to, err = otlploghttp.New(ctx, options...)
	}
	return logScrubber{to, s}, s.scrub(err)
}

// scrub removes the values of headers from an error. A receiver may repeat them in its
// answer, and the SDK logs the error.
func (s settings) scrub(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

type spanScrubber struct {
	sdktrace.SpanExporter
	settings settings
}

// ExportSpans implements sdktrace.SpanExporter.
func (e spanScrubber) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return e.settings.scrub(e.SpanExporter.ExportSpans(ctx, spans))
}

type metricScrubber struct {
	sdkmetric.Exporter
	settings settings
}

// Export implements sdkmetric.Exporter.
func (e metricScrubber) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	return e.settings.scrub(e.Exporter.Export(ctx, metrics))
}

type logScrubber struct {
	sdklog.Exporter
	settings settings
}

// Export implements sdklog.Exporter.
func (e logScrubber) Export(ctx context.Context, records []sdklog.Record) error {
	return e.settings.scrub(e.Exporter.Export(ctx, records))
}
