package backtest

import (
	"math"
	"slices"
)

// Warmup is how many first periods of a feed are not scored.
const Warmup = 28

// Scores are the measures of a set of forecasts. Measures that do not exist
// (AUC of one class only, precision of no alarm) are NaN.
type Scores struct {
	Count       int
	Base        float64 // share of misses
	Brier       float64
	Skill       float64 // Brier skill against the reference
	AUC         float64
	LogLoss     float64
	Calibration float64 // expected calibration error over 10 bins of equal count
	Precision   float64 // of risk > 0.8
	Recall      float64
	Alarms      int
}

// Forecast is one risk with its truth and the reference's risk.
type Forecast struct {
	Risk, Reference float64
	Missed          bool
}

// Score computes the measures; forecasts are not changed.
func Score(fs []Forecast) Scores {
	n := float64(len(fs))
	s := Scores{Count: len(fs), AUC: auc(fs), Calibration: calibration(fs)}
	reference, misses, hits := 0.0, 0.0, 0.0
	for _, f := range fs {
		y, p := f.Truth(), f.Risk
		misses += y
		s.Brier += (y - p) * (y - p) / n
		reference += (y - f.Reference) * (y - f.Reference) / n
		right := p
		if !f.Missed {
			right = 1 - p
		}
		s.LogLoss -= math.Log(math.Min(math.Max(right, 1e-6), 1)) / n
		if p > .8 {
			s.Alarms++
			hits += y
		}
	}
	s.Base = misses / n
	s.Skill = 1 - s.Brier/reference
	s.Precision = hits / float64(s.Alarms)
	s.Recall = hits / math.Max(1, misses)
	return s
}

// Truth is 1 if the deadline was missed, else 0.
func (f Forecast) Truth() float64 {
	if f.Missed {
		return 1
	}
	return 0
}

// auc is the area under the ROC curve by ranks, ties at their mean rank.
func auc(fs []Forecast) float64 {
	o := slices.SortedFunc(slices.Values(fs), func(a, b Forecast) int { return order(a.Risk, b.Risk) })
	ranks, misses := 0.0, 0.0
	for i := 0; i < len(o); {
		j := i
		for j < len(o) && o[j].Risk == o[i].Risk {
			j++
		}
		for k := i; k < j; k++ {
			ranks += o[k].Truth() * (float64(i+j-1)/2 + 1)
			misses += o[k].Truth()
		}
		i = j
	}
	kept := float64(len(o)) - misses
	return (ranks - misses*(misses+1)/2) / (misses * kept)
}

func order(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// calibration sorts like the reference scorer: by risk, then by truth.
func calibration(fs []Forecast) float64 {
	o := slices.SortedFunc(slices.Values(fs), func(a, b Forecast) int {
		if c := order(a.Risk, b.Risk); c != 0 {
			return c
		}
		return order(a.Truth(), b.Truth())
	})
	sum := 0.0
	for k := range 10 {
		off := 0.0
		for _, f := range o[k*len(o)/10 : (k+1)*len(o)/10] {
			off += f.Risk - f.Truth()
		}
		sum += math.Abs(off) / float64(len(o))
	}
	return sum
}

// BaseRates is the reference forecast of each period: (misses+1)/(periods+2)
// of those before it.
func BaseRates(periods []Period) []float64 {
	out := make([]float64, len(periods))
	misses := 0.0
	for i, p := range periods {
		out[i] = (misses + 1) / (float64(i) + 2)
		if p.Missed {
			misses++
		}
	}
	return out
}
