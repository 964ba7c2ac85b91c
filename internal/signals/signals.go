// Package signals catches the signals of a running agent from the start of the process.
// A signal that comes before the agent has started waits for it, and ends nobody: a
// service manager takes the death by SIGHUP for a clean exit, and leaves the agent dead.
// Several signals that come before the first of them is handled count as one.
package signals

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

var (
	hangUp     = make(chan os.Signal, 1)
	repairsOff = make(chan os.Signal, 1)
)

// The packages of the standard library are ready by now, and few others: Go starts the
// packages that import nothing else first. Commands that do not run an agent end with
// their terminal as always.
func init() {
	if slices.Contains(os.Args, "run") {
		signal.Notify(hangUp, syscall.SIGHUP)
		signal.Notify(repairsOff, syscall.SIGUSR1)
	}
}

// HangUp receives SIGHUP: the configuration is to be read again.
func HangUp() <-chan os.Signal { return hangUp }

// RepairsOff receives SIGUSR1: repairs are to be switched off.
func RepairsOff() <-chan os.Signal { return repairsOff }
