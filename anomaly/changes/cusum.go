package changes

import "math"

// test says which change a sum looks for.
type test struct {
	side  float64 // 1: upward, -1: downward
	size  float64 // size of the change in spreads; of a drift, growth from one value to the next
	slope bool    // the change grows
}

const sums = 8

// tests holds sizes that double. A change between two of them is found almost as soon.
var tests = [sums]test{
	{side: 1, size: 0.75}, {side: -1, size: 0.75}, {side: 1, size: 1.5}, {side: -1, size: 1.5},
	{side: 1, size: 3}, {side: -1, size: 3}, {side: 1, size: 1. / 6, slope: true}, {side: -1, size: 1. / 6, slope: true},
}

const (
	height     = 1.5    // height from which on peaks are learned
	firstRate  = 0.02   // first guess of the peaks over height for each value: that of normal errors
	ratePrior  = 200.0  // values that the first guess counts as
	rateMemory = 4000.0 // values over which the rate is learned
	peakPrior  = 20.0   // peaks that the first guess of their excess counts as; it is 1, as of normal errors
	peakMemory = 60.0   // peaks over which the excess is learned
)

// cusum is a cumulative sum of log likelihood ratios. It begins again when it reaches zero.
type cusum struct {
	S, Peak float32
	K       int32   // number of values since it began
	Start   int64   // time of the first one
	Total   float32 // of the distances from the profile, each times its weight
	Rate    float32 // peaks over height for each value, less firstRate
	Excess  float32 // mean of the peaks over height, less height and 1
	Peaks   float32 // number of peaks learned
}

func (s *cusum) begin() { s.S, s.Peak, s.K, s.Total = 0, 0, 0, 0 }

// weight returns the error that a test expects for value k of a change.
func (t test) weight(k int32) float64 {
	if t.slope {
		return t.size * float64(k)
	}
	return t.size
}

// add takes in the error of a value and its distance from the profile. n is the number of
// values so far.
func (s *cusum) add(t test, at int64, err, away, n float64) {
	if s.K == 0 {
		s.Start = at
	}
	s.K++
	w := t.weight(s.K)
	s.S += float32(w*err*t.side - w*w/2)
	s.Peak = max(s.Peak, s.S)
	s.Total += float32(w * away)
	peak := 0.0
	if s.S <= 0 {
		if s.Peak > height {
			peak = 1
			s.learnPeak(s.Peak)
		}
		s.begin()
	}
	s.Rate += float32((peak - firstRate - float64(s.Rate)) / math.Min(n+ratePrior, rateMemory))
}

// learnPeak learns how far a sum went.
func (s *cusum) learnPeak(peak float32) {
	s.Peaks++
	s.Excess += (peak - height - 1 - s.Excess) / min(s.Peaks+peakPrior, peakMemory)
}

// bound returns the height that a sum exceeds after a share prob of the values. The peaks are
// exponential, and their mean is known from a number of them: so the tail is that of Pareto.
func (s *cusum) bound(prob float64) float64 {
	far := math.Max((firstRate+float64(s.Rate))/prob, 2)
	n := math.Min(float64(s.Peaks)+peakPrior, peakMemory)
	return height + n*(1+float64(s.Excess))*(math.Pow(far, 1/n)-1)
}

// size returns the distance of the newest values from the profile, as a logarithm. Of a drift
// it is that of the newest value on a line.
func (s *cusum) size(t test) float64 {
	if s.K == 0 {
		return 0
	}
	k := float64(s.K)
	if t.slope {
		return float64(s.Total) / t.size * 6 / ((k + 1) * (2*k + 1))
	}
	return float64(s.Total) / t.size / k
}
