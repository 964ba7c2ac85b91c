package backtest

import (
	"math"
	"slices"
)

// Warmup is the number of first periods of a feed that are not scored.
const Warmup = 28

// Scores holds the measures of a set of forecasts. A measure that does not exist is NaN,
// such as the AUC of one class or the precision without an alarm.
type Scores struct {
	Count       int
	Base        float64 // share of misses
	Brier       float64
	Skill       float64 // Brier skill against the reference
	AUC         float64
	LogLoss     float64
	Calibration float64 // expected calibration error over 10 bins of equal count
	Precision   float64 // share of misses among the alarms
	Recall      float64 // share of misses with an alarm
	Alarms      int     // number of risks above 0.8
}

// Forecast is one risk, with that of the reference and the outcome.
type Forecast struct {
	Risk, Reference float64
	Missed          bool
}

// Score returns the measures of forecasts. It does not change them.
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

// Truth returns 1 if the deadline was missed, else 0.
func (f Forecast) Truth() float64 {
	if f.Missed {
		return 1
	}
	return 0
}

// auc returns the area under the ROC curve by ranks. Ties have their mean rank.
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
	onTime := float64(len(o)) - misses
	return (ranks - misses*(misses+1)/2) / (misses * onTime)
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

// calibration returns the expected calibration error over 10 bins. It sorts by risk and
// then by outcome.
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

// BaseRates returns the reference forecast of each period: (misses+1)/(periods+2) over
// the periods before it.
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
