package agent

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// confirmations records, for checks with N-of-M, which of a finding's last 64 judged
// runs were bad. The newest run is the lowest bit. The keys are the check's id, then
// the finding's key.
type confirmations map[string]map[string]uint64

// apply takes back findings that are not confirmed yet. A result that has no finding
// left is unknown, not pass: the check ran, and cannot be judged yet. Such a finding becomes
// unknown, so that the others are judged without it.
func (c confirmations) apply(rule *checks.Confirm, r *sentinel.Result) {
	if rule == nil || r.Status == sentinel.Error || r.Status == sentinel.Unknown && !r.JudgesSegments() {
		return
	}
	runs := c[r.Check]
	if runs == nil {
		runs = map[string]uint64{}
		c[r.Check] = runs
	}
	count(runs, *r)
	mask := uint64(1)<<rule.Of - 1
	if rule.Of >= 64 {
		mask = ^uint64(0)
	}
	r.Findings = slices.Clone(r.Findings)
	for i, f := range r.Findings {
		if n := bits.OnesCount64(runs[f.Key] & mask); f.Status.Bad() && n < rule.Failures {
			r.Findings[i].Status = sentinel.Unknown
			r.Message = fmt.Sprintf("%s (bad in %d of the last %d runs, %d needed)", f.Message, n, rule.Of, rule.Failures)
		}
	}
	r.Status = sentinel.Worst(r.Findings)
	for key, bad := range runs {
		if bad&mask == 0 {
			delete(runs, key)
		}
	}
}

// count adds a result to the runs of a check. A run that did not judge a key is none of
// its runs, neither good nor bad.
func count(runs map[string]uint64, r sentinel.Result) {
	for key := range runs {
		if r.Judges(key) {
			runs[key] <<= 1
		}
	}
	for _, f := range r.Findings {
		if f.Status.Bad() {
			runs[f.Key] |= 1
		}
	}
}

// encode returns the runs of one check in the form that the store holds.
func (c confirmations) encode(check string) ([]byte, error) { return json.Marshal(c[check]) }

// decode sets the runs of one check from their form in the store.
func (c confirmations) decode(check string, data []byte) error {
	var runs map[string]uint64
	if err := json.Unmarshal(data, &runs); err != nil {
		return fmt.Errorf("confirmations of %s: %w", check, err)
	}
	c[check] = runs
	return nil
}
