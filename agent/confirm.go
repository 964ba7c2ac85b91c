package agent

import (
	"encoding/json"
	"fmt"
	"math/bits"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// confirmations says, for checks with N-of-M, which of a finding's last 64 judged
// runs were bad. The newest run is the lowest bit. The keys are the check's id, then
// the finding's key.
type confirmations map[string]map[string]uint64

// apply removes findings that are not confirmed yet. A result that has no finding
// left is unknown, not pass: the check ran, and cannot be judged yet.
func (c confirmations) apply(rule *checks.Confirm, r *sentinel.Result) {
	if rule == nil || r.Status == sentinel.Error || r.Status == sentinel.Unknown {
		return
	}
	runs := c[r.Check]
	if runs == nil {
		runs = map[string]uint64{}
		c[r.Check] = runs
	}
	for key := range runs {
		runs[key] <<= 1
	}
	for _, f := range r.Findings {
		if f.Status.Bad() {
			runs[f.Key] |= 1
		}
	}
	mask := uint64(1)<<rule.Of - 1
	if rule.Of >= 64 {
		mask = ^uint64(0)
	}
	kept := r.Findings[:0:0]
	for _, f := range r.Findings {
		if n := bits.OnesCount64(runs[f.Key] & mask); n >= rule.Failures || !f.Status.Bad() {
			kept = append(kept, f)
		} else {
			r.Message = fmt.Sprintf("%s (bad in %d of the last %d runs, %d needed)", f.Message, n, rule.Of, rule.Failures)
		}
	}
	for key, bad := range runs {
		if bad&mask == 0 {
			delete(runs, key)
		}
	}
	if len(kept) == len(r.Findings) {
		return
	}
	r.Findings = kept
	r.Status = sentinel.Worst(kept)
	if len(kept) == 0 {
		r.Status = sentinel.Unknown
	}
}

// encode returns the runs of one check as the store has them.
func (c confirmations) encode(check string) ([]byte, error) { return json.Marshal(c[check]) }

// decode reads the runs of one check from the store.
func (c confirmations) decode(check string, data []byte) error {
	var runs map[string]uint64
	if err := json.Unmarshal(data, &runs); err != nil {
		return fmt.Errorf("confirmations of %s: %w", check, err)
	}
	c[check] = runs
	return nil
}
