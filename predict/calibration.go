package predict

// platt corrects the log odds of the regression by a line that it learns online (Platt
// 1999). The correction applies only after 200 outcomes, and while its recent squared
// error is at least 2 % below that of the uncorrected risk.
type platt struct {
	line       regression // intercept and slope
	plain      float64    // decaying sum of squared errors without the correction
	calibrated float64    // decaying sum of squared errors with the correction
	outcomes   int
}

// plattPrecision keeps the line near no correction while there are few outcomes.
var plattPrecision = []float64{20, 20}

func newPlatt() platt { return platt{line: newRegression([]float64{0, 1}, plattPrecision)} }

func (p *platt) better() bool { return p.outcomes >= 200 && p.calibrated < .98*p.plain }

func (p *platt) score(raw float64) float64 { return p.line.score([]float64{1, raw}) }

func (p *platt) learn(raw float64, missed bool) {
	const keep = .995
	y := indicator(missed)
	p.plain = keep*p.plain + square(logistic(raw)-y)
	p.calibrated = keep*p.calibrated + square(logistic(p.score(raw))-y)
	p.line.learn([]float64{1, raw}, missed, plattPrecision)
	p.outcomes++
}
