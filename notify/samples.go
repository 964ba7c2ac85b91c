package notify

import (
	"context"
	"fmt"
)

// addSamples adds to an entry what its incident's samples of bad rows may tell. The outbox
// has no values, so that it has none of samples that are forgotten.
func (w *worker) addSamples(ctx context.Context, e *Entry) error {
	samples, err := w.d.Store.Samples(ctx, e.Incident.ID)
	if err != nil {
		return err
	}
	for _, s := range samples {
		if s = s.Discreet(); len(s.Rows) > 0 {
			e.Samples = append(e.Samples, s)
		}
	}
	return nil
}

// sampleLines says which rows are bad, one line a check.
func (e Entry) sampleLines() (lines []string) {
	for _, s := range e.Samples[:min(listed, len(e.Samples))] {
		for _, row := range s.Lines()[:min(listed, len(s.Rows))] {
			lines = append(lines, clip(flat(fmt.Sprintf("bad row of %s: %s", s.Check, row)), 500))
		}
	}
	return lines
}
