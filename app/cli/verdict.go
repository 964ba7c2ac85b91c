package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
)

// judgement says which results end a command with which exit code.
type judgement struct {
	failOn string // the status from which data counts as failed: warn or fail
	strict bool   // a check that could not judge is as bad as one that could not run
}

// exitCodes is the help of commands that judge results.
const exitCodes = `Exit codes: 0 fine; 1 data failed; 2 usage or configuration; 3 a check could not run, or
none could judge. A check that is "unknown" ran and cannot judge yet, for example because it
still learns what is normal. With --strict one such check is enough for 3.`

// flags adds the flags of a judgement to a command.
func (j *judgement) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&j.failOn, "fail-on", "fail",
		"status that gives exit code 1: fail, or warn (which includes fail)")
	cmd.Flags().BoolVar(&j.strict, "strict", false, "exit with 3 also if any check is unknown")
}

// verdict turns results into the exit code. Failed data outweighs a check that could not run.
// Results of which none judges anything are no reason to go on.
func (j *judgement) verdict(results []sentinel.Result) error {
	code, judged, unknown := exitFine, false, false
	for _, r := range results {
		switch r.Status {
		case sentinel.Error:
			code = exitError
		case sentinel.Unknown:
			unknown = true
		case sentinel.Fail:
			return &exitCodeError{code: exitFailed}
		case sentinel.Warn:
			if j.failOn == "warn" {
				return &exitCodeError{code: exitFailed}
			}
			judged = true
		default:
			judged = true
		}
	}
	switch {
	case code != exitFine:
		return &exitCodeError{code: code}
	case !judged:
		return unavailable(errors.New("no check could judge the data: all are unknown"))
	case unknown && j.strict:
		return unavailable(errors.New("--strict: some checks are unknown"))
	}
	return nil
}
