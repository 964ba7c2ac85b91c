// Command sentinel watches the data in a warehouse. See `sentinel --help`.
// Package app is where a reader goes on.
package main

import (
	"os"

	"github.com/sentinel-dq/sentinel/app"
)

// version is set by a release build with -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	app.Version = version
	os.Exit(app.Main())
}
