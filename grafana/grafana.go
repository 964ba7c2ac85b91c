// Package grafana holds the dashboards that come with Sentinel, and files to
// provision them. tools/dashboards writes the dashboards: change them there and run
// `make dashboards`.
package grafana

import "embed"

//go:generate go run -C ../tools ./dashboards ../grafana/dashboards

// Files are dashboards/*.json and provisioning/.
//
//go:embed dashboards/*.json provisioning
var Files embed.FS
