// Package cli is the command line. Each command and its flags have one file.
// root.go lists the commands and the exit codes. Begin with [Main].
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
)

// Exit codes. Their meaning never changes.
const (
	exitFine   = 0 // no check failed
	exitFailed = 1 // data failed a check
	exitUsage  = 2 // usage or configuration
	exitError  = 3 // could not run: a database, the state or the network failed
)

// exitCodeError carries an exit code to Main. Main prints nothing for a nil err.
type exitCodeError struct {
	code int
	err  error
}

func (e *exitCodeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitCodeError) Unwrap() error { return e.err }

// unavailable marks an error of the environment, not of the user. The command
// ends with exit code 3.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return &exitCodeError{exitError, err}
}

// clock is the one place where the program reads the time.
var clock sentinel.Clock = sentinel.ClockFunc(time.Now)

// Main runs a command line without the program's name and returns its exit code.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(terminal{os.Stdout})
	root.SetErr(terminal{os.Stderr})
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFine
	}
	code := exitUsage
	var coded *exitCodeError
	if errors.As(err, &coded) {
		code = coded.code
	}
	if coded == nil || coded.err != nil {
		fmt.Fprintln(root.ErrOrStderr(), "sentinel: "+err.Error())
	}
	return code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:     "sentinel",
		Version: versionString(),
		Short:   "Sentinel checks that the data in a warehouse is fresh, complete and well formed",
		Long: `Sentinel runs beside a data warehouse. It checks on a schedule, at low cost,
whether the data is fresh and complete, and whether its schema has changed.

Exit codes: 0 fine, 1 data failed, 2 usage or configuration, 3 could not run.`,
		Example: `  sentinel demo
  sentinel init postgres://reader@db/shop > sentinel.yaml
  sentinel run -c sentinel.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringP("config", "c", "sentinel.yaml", "configuration file")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newDemo(), newDrill(), newInit(), newValidate(), newPlan(), newCheck(), newRun(), newReload(), newGate(),
		newSchema(), newSegments(), newHistory(), newState(), newBacktest(), newRisk(), newSLO(), newReport(),
		newIncidents(), newSilences(), newNotify(), newRepair(), newDoctor(), newImport(), newContract(), newRules(),
		newDashboards(), newDocs(),
		newVersion(),
	)
	if err := completeNames(root); err != nil {
		panic(err) // a flag is completed in two places
	}
	return root
}
