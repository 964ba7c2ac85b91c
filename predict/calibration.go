package predict

// platt corrects the log odds of the regression by a line (Platt 1999),
// learned online. It is used only after 200 outcomes and while its recent
// squared error is 2 % below that of the uncorrected risk.
type platt struct {
	line       regression // intercept and slope
	plain      float64    // faded sum of squared errors without
	calibrated float64    // and with the correction
	outcomes   int
}

// plattPrecision keeps the line near no correction until outcomes say other.
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
