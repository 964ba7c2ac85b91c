// Package app is the program `sentinel` as a library.
//
// [Main] runs the command line. A module of its own can import this package,
// import further dialects for their side effects, and call Main:
//
//	package main
//
//	import (
//		"os"
//
//		_ "example.com/sentinel-duckdb"
//		"github.com/sentinel-dq/sentinel/app"
//	)
//
//	func main() { os.Exit(app.Main()) }
//
// What else is where: app/cli has the commands, with their flags and exit
// codes; app/server runs the agent; app/setup turns a configuration into open
// warehouses and an agent's plan.
package app

import (
	"os"

	"github.com/sentinel-dq/sentinel/app/cli"
	_ "github.com/sentinel-dq/sentinel/repair/all"    // the actions of repairs
	_ "github.com/sentinel-dq/sentinel/warehouse/all" // the only place that names the engines
)

// Version is what `sentinel version` prints. Empty means the version of the
// main module in the build information. Set it before Main.
var Version string

// Main runs the command line in os.Args and returns the exit code: 0 fine,
// 1 data failed, 2 usage or configuration, 3 could not run.
func Main() int {
	cli.Version = Version
	return cli.Main(os.Args[1:])
}
