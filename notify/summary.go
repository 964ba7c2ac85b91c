package notify

import "github.com/sentinel-dq/sentinel"

// Summarize sets what an incident with open findings says as a whole, by those findings. A
// silenced one does not count beside others.
func Summarize(i sentinel.Incident) sentinel.Incident {
	open := i.OpenFindings()
	worst := open[0]
	i.Severity, i.Message, i.Observed, i.Expected = worst.Severity, worst.Message, worst.Observed, worst.Expected
	i.Upstream, i.Cause, i.Statement, i.Monitor = worst.Upstream, worst.Cause, worst.Statement, true
	for _, f := range open {
		if f.Silenced && !worst.Silenced {
			continue
		}
		i.Monitor = i.Monitor && f.Monitor
		i.Tier = HigherTier(i.Tier, f.Tier)
		if i.Upstream == "" && f.Upstream != "" {
			i.Upstream, i.Cause = f.Upstream, f.Cause
		}
	}
	return i
}
