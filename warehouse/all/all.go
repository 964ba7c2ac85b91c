// Package all registers the dialects that come with Sentinel. A program imports it
// once for all of them, or the packages of single engines; a dialect of another Go
// module is imported beside it in the same way.
package all

import (
	_ "github.com/sentinel-dq/sentinel/warehouse/mysql"    // registers mysql
	_ "github.com/sentinel-dq/sentinel/warehouse/postgres" // registers postgres
	_ "github.com/sentinel-dq/sentinel/warehouse/sqlite"   // registers sqlite
)
