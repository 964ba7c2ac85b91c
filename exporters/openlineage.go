package exporters

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("openlineage", func() Exporter { return &OpenLineage{} }) }

// OpenLineage sends every result as a run event of spec 2-0-2. The event's dataset has
// the facets dataQualityAssertions and dataQualityMetrics.
type OpenLineage struct {
	URL       sentinel.Secret   `yaml:"url" required:"true" doc:"Address of the lineage endpoint."`
	Token     sentinel.Secret   `yaml:"token" doc:"Bearer token."`
	Namespace string            `yaml:"namespace" default:"sentinel" doc:"Namespace of the jobs."`
	Datasets  map[string]string `yaml:"datasets" doc:"Namespace of each warehouse's datasets. Default: its name."`
}

const (
	producer      = "https://github.com/sentinel-dq/sentinel"
	runEvent      = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
	assertionsURL = "https://openlineage.io/spec/facets/1-0-1/DataQualityAssertionsDatasetFacet.json"
	metricsURL    = "https://openlineage.io/spec/facets/1-0-2/DataQualityMetricsInputDatasetFacet.json"
)

// Validate implements Exporter.
func (o *OpenLineage) Validate() error {
	if err := settings.Complete(o); err != nil {
		return err
	}
	return needURL("url", o.URL)
}

// Export implements Exporter. It sends no event for a check that could not run.
func (o *OpenLineage) Export(ctx context.Context, results []sentinel.Result) error {
	headers := map[string]string{"Content-Type": "application/json"}
	if !o.Token.IsZero() {
		headers["Authorization"] = "Bearer " + o.Token.Reveal()
	}
	for _, r := range results {
		if r.Status == sentinel.Error {
			continue
		}
		body, err := json.Marshal(o.event(r))
		if err != nil {
			return fmt.Errorf("openlineage: %w", err)
		}
		if err := post(ctx, o.URL, headers, body); err != nil {
			return fmt.Errorf("openlineage: %s: %w", r.Check, err)
		}
	}
	return nil
}

// Close implements Exporter.
func (o *OpenLineage) Close(context.Context) error { return nil }

func (o *OpenLineage) event(r sentinel.Result) map[string]any {
	namespace := o.Datasets[r.Table.Warehouse]
	if namespace == "" {
		namespace = r.Table.Warehouse
	}
	var assertions []map[string]any
	for _, f := range r.Findings {
		assertions = append(assertions,
			map[string]any{"assertion": strings.TrimSuffix(r.Kind+"."+f.Key, "."), "success": !f.Status.Bad()})
	}
	if len(assertions) == 0 {
		assertions = append(assertions, map[string]any{"assertion": r.Kind, "success": true})
	}
	facets := map[string]any{"dataQualityAssertions": map[string]any{"_producer": producer, "_schemaURL": assertionsURL,
		"assertions": assertions}}
	for _, v := range r.Observations {
		if n, whole := v.Value.Int64(); v.Metric == "row_count" && v.Segment == "" && whole {
			facets["dataQualityMetrics"] = map[string]any{"_producer": producer, "_schemaURL": metricsURL, "rowCount": n,
				"columnMetrics": map[string]any{}}
		}
	}
	return map[string]any{
		"eventType": "COMPLETE",
		"eventTime": r.Tick.UTC().Format(time.RFC3339Nano),
		"producer":  producer,
		"schemaURL": runEvent,
		"run":       map[string]any{"runId": runID(r)}, "job": map[string]any{"namespace": o.Namespace, "name": r.Check},
		"inputs": []map[string]any{{"namespace": namespace, "name": DatasetLabel(r.Table),
			"inputFacets": facets}}, "outputs": []any{},
	}
}

// runID returns a UUID of version 5 (RFC 9562) of the check and the tick, so that a
// result that is sent again has the same id.
func runID(r sentinel.Result) string {
	// URLs
	space := [16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	sum := sha1.Sum(append(space[:], producer+"/"+r.Check+"/"+r.Tick.UTC().Format(time.RFC3339Nano)...))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	h := hex.EncodeToString(id)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
