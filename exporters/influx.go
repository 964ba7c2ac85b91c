package exporters

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("influx", func() Exporter { return &Influx{} }) }

// Influx writes line protocol to the v2 API of InfluxDB, which Telegraf,
// VictoriaMetrics and others also support.
type Influx struct {
	URL    sentinel.Secret `yaml:"url" required:"true" doc:"Address of the server: http://host:8086."`
	Token  sentinel.Secret `yaml:"token" doc:"API token."`
	Org    string          `yaml:"org" doc:"Organization."`
	Bucket string          `yaml:"bucket" required:"true" doc:"Bucket to write to."`
}

// Validate implements Exporter.
func (i *Influx) Validate() error {
	if i.Bucket == "" {
		return settings.Wrong("bucket", "say where to write")
	}
	return needURL("url", i.URL)
}

// Export implements Exporter.
func (i *Influx) Export(ctx context.Context, results []sentinel.Result) error {
	var b strings.Builder
	for _, r := range results {
		writePoints(&b, r)
	}
	query := url.Values{"org": {i.Org}, "bucket": {i.Bucket}, "precision": {"ns"}}
	to := strings.TrimSuffix(i.URL.Reveal(), "/") + "/api/v2/write?" + query.Encode()
	headers := map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	if !i.Token.IsZero() {
		headers["Authorization"] = "Token " + i.Token.Reveal()
	}
	if err := post(ctx, sentinel.NewSecret(to), headers, []byte(b.String())); err != nil {
		return fmt.Errorf("influx: %w", err)
	}
	return nil
}

// Close implements Exporter.
func (i *Influx) Close(context.Context) error { return nil }

var (
	influxTag   = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `, "\n", " ", `\`, `\\`)
	influxText  = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", " ")
	influxStamp = func(r sentinel.Result) string { return strconv.FormatInt(r.Tick.UnixNano(), 10) }
)

// writePoints writes one point of sentinel_check with the status, and one point of
// sentinel_value per value.
func writePoints(b *strings.Builder, r sentinel.Result) {
	tags := ",check=" + influxTag.Replace(r.Check) +
		",dataset=" + influxTag.Replace(DatasetLabel(r.Table)) +
		",kind=" + influxTag.Replace(r.Kind) +
		",warehouse=" + influxTag.Replace(r.Table.Warehouse)
	fmt.Fprintf(b, "sentinel_check%s status=%di,duration_seconds=%s,message=\"%s\" %s\n", tags, int(r.Status),
		formatFloat(r.Duration.Seconds()), influxText.Replace(r.Message), influxStamp(r))
	for _, o := range r.Observations {
		if !o.Value.Finite() {
			continue
		}
		segment := ""
		if o.Segment != "" {
			segment = ",segment=" + influxTag.Replace(o.Segment)
		}
		fmt.Fprintf(b, "sentinel_value%s,metric=%s%s value=%s %s\n", tags, influxTag.Replace(o.Metric), segment,
			formatFloat(o.Value.Float64()), influxStamp(r))
	}
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
