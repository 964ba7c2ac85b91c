package web

import (
	"testing"
	"time"
)

// Many addresses with wrong tokens do not fill the audit log, and none is left uncounted.
func TestEntriesAboutWrongTokensAreBounded(t *testing.T) {
	t.Parallel()
	var r refusals
	now, written := time.Unix(1_800_000_000, 0), 0
	for range 500 {
		if ok, _ := r.take(now, true); ok {
			written++
		}
	}
	ok, left := r.take(now.Add(time.Minute), true)
	if written != 10 || !ok || left != 490 {
		t.Errorf("%d entries, then %v with %d before it, want 10 and 490", written, ok, left)
	}
	if ok, left := r.take(now.Add(time.Minute), true); !ok || left != 0 {
		t.Errorf("%v, %d", ok, left)
	}
}
