// Package grafana holds the dashboards that come with Sentinel, and files to
// provision them.
package grafana

import "embed"

//go:generate go run ./generate dashboards

// Files are dashboards/*.json and provisioning/.
//
//go:embed dashboards/*.json provisioning
var Files embed.FS
