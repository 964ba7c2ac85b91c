// Package all registers the actions of repairs that come with Sentinel. A program
// imports it once for all of them, or the packages of single actions; an action of
// another Go module is imported beside it in the same way.
package all

import (
	_ "github.com/sentinel-dq/sentinel/repair/alter"
	_ "github.com/sentinel-dq/sentinel/repair/hooks"
	_ "github.com/sentinel-dq/sentinel/repair/reload"
)
