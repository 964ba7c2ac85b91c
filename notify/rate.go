package notify

import (
	"cmp"
	"time"

	"github.com/sentinel-dq/sentinel/settings"
)

// Rate limits how many notices a channel gets: Burst at once, and one more every Every.
// Notices beyond that wait and are sent as one digest.
type Rate struct {
	Burst int           `yaml:"burst" doc:"Messages that may leave at once."`
	Every time.Duration `yaml:"every" doc:"One more message may leave after each of these."`
}

// DefaultRate lets 20 notices through at once and four a minute after.
var DefaultRate = Rate{Burst: 20, Every: 15 * time.Second}

// Validate checks a configured rate; the zero value stands for [DefaultRate].
func (r Rate) Validate() error {
	const example = "want burst of at least 1 and every, such as {burst: 20, every: 15s}"
	switch {
	case r == Rate{}:
		return nil
	case r.Burst < 1:
		return settings.Wrong("burst", example)
	case r.Every <= 0:
		return settings.Wrong("every", example)
	}
	return nil
}

// bucket is a token bucket; it belongs to one goroutine.
type bucket struct {
	rate   Rate
	tokens int
	last   time.Time // when the last token was added
}

func newBucket(r Rate, now time.Time) *bucket {
	r = cmp.Or(r, DefaultRate)
	return &bucket{r, r.Burst, now}
}

// take takes a token, or says how long until there is one.
func (b *bucket) take(now time.Time) (dry time.Duration) {
	if grown := int(now.Sub(b.last) / b.rate.Every); grown > 0 {
		b.tokens = min(b.rate.Burst, b.tokens+grown)
		b.last = b.last.Add(time.Duration(grown) * b.rate.Every)
	}
	if b.tokens == 0 {
		return b.last.Add(b.rate.Every).Sub(now)
	}
	b.tokens--
	return 0
}
