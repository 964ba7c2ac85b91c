package benchmark

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	feeds, err := ReadFeeds(os.Getenv("FEEDS"))
	if err != nil {
		t.Fatal(err)
	}
	for _, lead := range []time.Duration{0, 180 * time.Minute, 60 * time.Minute, 30 * time.Minute} {
		rs, err := LeaveOneOut(feeds, lead)
		if err != nil {
			t.Fatal(err)
		}
		var all []Forecast
		s := ""
		for i, f := range feeds {
			fs := Forecasts(f, rs[i], lead)
			all = append(all, fs...)
			s += fmt.Sprintf(" %s %.3f", f.Name[:4], Score(fs).Skill)
		}
		if lead > 0 {
			b := 0.0
			for _, f := range all {
				b += truth(f)
			}
			for i := range all {
				all[i].Reference = b / float64(len(all))
			}
		}
		x := Score(all)
		fmt.Printf("%6s BSS %.4f AUC %.4f ECE %.4f P %.3f R %.3f n%d brier %.4f |%s\n", lead, x.Skill, x.AUC, x.Calibration, x.Precision, x.Recall, x.Count, x.Brier, s)
	}
}
