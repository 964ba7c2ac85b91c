// Package onecpu lets a program start on one CPU. It imports next to nothing, so
// that it is initialised before nearly all other packages: what they do then is done
// one after another, and memory that a second CPU has at hand meanwhile is kept for
// nothing.
package onecpu

import "runtime"

// Before is how many there were.
var Before = runtime.GOMAXPROCS(1)
