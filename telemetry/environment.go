package telemetry

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// rule says what a variable may hold. It returns the value as the libraries read it, and
// what is wrong with it. What is wrong is ignored, as if it was not set.
type rule func(value string) (normal, problem string)

// word is one of some words, in any case. Words that the specification knows and Sentinel
// does not support are other.
func word(supported []string, other ...string) rule {
	return func(value string) (string, string) {
		w := strings.ToLower(strings.TrimSpace(value))
		switch {
		case slices.Contains(supported, w):
			return w, ""
		case slices.Contains(other, w):
			return "", fmt.Sprintf("%q is not supported; supported are %s", value, strings.Join(supported, ", "))
		}
		return "", fmt.Sprintf("unknown word %q; known are %s", value, strings.Join(supported, ", "))
	}
}

// words are words with commas between them. Those that are wrong are left out.
func words(supported []string, other ...string) rule {
	one := word(supported, other...)
	return func(value string) (string, string) {
		var good, bad []string
		for part := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			w, problem := one(part)
			if problem != "" {
				bad = append(bad, problem)
				continue
			}
			good = append(good, w)
		}
		return strings.Join(good, ","), strings.Join(bad, "; ")
	}
}

// boolean is true in any case. All else is false.
func boolean(value string) (string, string) {
	switch w := strings.ToLower(strings.TrimSpace(value)); w {
	case "true", "false":
		return w, ""
	}
	return "", fmt.Sprintf("%q is neither true nor false", value)
}

// These are the largest integers. A library reserves a queue at once, and counts time in
// nanoseconds.
const (
	mostOfBatch = 1_000_000
	mostMillis  = 1_000_000_000 // 11 days
	mostOfLimit = math.MaxInt32 // what other SDKs take for no limit
)

// integer is a number from least to most.
func integer(least, most int, of string) rule {
	return func(value string) (string, string) {
		text := strings.TrimSpace(value)
		if n, err := strconv.Atoi(text); err != nil || n < least || n > most {
			return "", fmt.Sprintf("%q: want %s, at least %d and at most %d", value, of, least, most)
		}
		return text, ""
	}
}

// ratio is a number from 0 to 1.
func ratio(value string) (string, string) {
	text := strings.TrimSpace(value)
	if v, err := strconv.ParseFloat(text, 64); err != nil || !(v >= 0 && v <= 1) {
		return "", fmt.Sprintf("%q: want a number from 0 to 1", value)
	}
	return text, ""
}

// anyText is not checked here.
func anyText(value string) (string, string) { return value, "" }

// cumulative is the word of the only temporality. Sentinel's metrics come from a registry of
// Prometheus, whose counters are cumulative.
func cumulative(value string) (string, string) {
	return word([]string{"cumulative"}, "delta", "lowmemory")(value)
}

// withoutEffect are variables of the specification that Sentinel has no use for.
func withoutEffect(string) (string, string) { return "", "it has no effect on Sentinel" }

// variables are those of the specification that apply to an SDK without a configuration
// file, by name.
func variables() map[string]rule {
	milliseconds, count := integer(0, mostMillis, "milliseconds"), integer(0, mostOfLimit, "a number")
	interval, batched := integer(1, mostMillis, "milliseconds"), integer(1, mostOfBatch, "a number")
	all := map[string]rule{
		"OTEL_SDK_DISABLED":        boolean,
		"OTEL_RESOURCE_ATTRIBUTES": anyText,
		"OTEL_SERVICE_NAME":        anyText,
		"OTEL_LOG_LEVEL":           withoutEffect,
		"OTEL_CONFIG_FILE":         withoutEffect,
		"OTEL_PROPAGATORS": words([]string{"tracecontext", "baggage", "none"},
			"b3", "b3multi", "jaeger", "xray", "ottrace"),
		"OTEL_TRACES_SAMPLER": word([]string{"always_on", "always_off", "traceidratio", "parentbased_always_on",
			"parentbased_always_off", "parentbased_traceidratio"}, "jaeger_remote", "parentbased_jaeger_remote", "xray"),
		"OTEL_TRACES_SAMPLER_ARG":      ratio,
		"OTEL_TRACES_EXPORTER":         words([]string{"otlp", "none"}, "console", "logging", "zipkin"),
		"OTEL_METRICS_EXPORTER":        words([]string{"otlp", "none"}, "console", "logging", "prometheus"),
		"OTEL_LOGS_EXPORTER":           words([]string{"otlp", "none"}, "console", "logging"),
		"OTEL_METRICS_EXEMPLAR_FILTER": word([]string{"always_on", "always_off", "trace_based"}),
		"OTEL_METRIC_EXPORT_INTERVAL":  interval,
		"OTEL_METRIC_EXPORT_TIMEOUT":   interval,

		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        cumulative,
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": withoutEffect,
	}
	for _, batch := range []string{"OTEL_BSP_", "OTEL_BLRP_"} {
		all[batch+"SCHEDULE_DELAY"] = interval // with 0 a processor never rests
		all[batch+"EXPORT_TIMEOUT"] = milliseconds
		all[batch+"MAX_QUEUE_SIZE"] = batched
		all[batch+"MAX_EXPORT_BATCH_SIZE"] = batched
	}
	for _, of := range []string{"OTEL_", "OTEL_SPAN_", "OTEL_LOGRECORD_"} {
		all[of+"ATTRIBUTE_VALUE_LENGTH_LIMIT"] = count
		all[of+"ATTRIBUTE_COUNT_LIMIT"] = count
	}
	for _, limit := range []string{"SPAN_EVENT", "SPAN_LINK", "EVENT_ATTRIBUTE", "LINK_ATTRIBUTE"} {
		all["OTEL_"+limit+"_COUNT_LIMIT"] = count
	}
	for _, of := range []string{"", "TRACES_", "METRICS_", "LOGS_"} {
		for name, r := range map[string]rule{
			"PROTOCOL":    word([]string{"http/protobuf", "grpc"}, "http/json"),
			"COMPRESSION": word([]string{"gzip", "none"}),
			"TIMEOUT":     milliseconds,
			"INSECURE":    boolean,
			"ENDPOINT":    anyText, "HEADERS": anyText,
			"CERTIFICATE": anyText, "CLIENT_CERTIFICATE": anyText, "CLIENT_KEY": anyText,
		} {
			all["OTEL_EXPORTER_OTLP_"+of+name] = r
		}
	}
	return all
}

// cleanEnvironment makes the variables of the process what the libraries take them for: words
// in lower case, and nothing that is wrong. The libraries read the variables by themselves;
// some of them compare words in one case only, and a queue of -1 is a panic. It logs each
// variable that it ignores.
func cleanEnvironment(log *slog.Logger) {
	all := variables()
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value, set := os.LookupEnv(name)
		if !set {
			continue
		}
		normal, problem := "", ""
		if strings.TrimSpace(value) != "" { // otherwise it is as if it was not set
			normal, problem = all[name](value)
		}
		if problem != "" {
			log.Warn("opentelemetry: ignoring what "+name+" holds", "reason", problem)
		}
		if normal == value {
			continue
		}
		if err := cmp.Or(os.Unsetenv(name), setUnlessEmpty(name, normal)); err != nil {
			log.Warn("opentelemetry: changing "+name, "error", err)
		}
	}
}

func setUnlessEmpty(name, value string) error {
	if value == "" {
		return nil
	}
	return os.Setenv(name, value)
}
