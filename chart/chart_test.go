package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/chart"
)

// elements decodes a document, which must be well-formed, and counts its elements.
func elements(t *testing.T, c chart.Chart) (string, map[string]int) {
	t.Helper()
	var b strings.Builder
	if err := chart.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
		t.Errorf("a coordinate is no number:\n%s", b.String())
	}
	n := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), n
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if s, is := token.(xml.StartElement); is {
			n[s.Name.Local]++
		}
	}
}

func TestASeriesWithItsBandAndAlarms(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	text, n := elements(t, chart.Chart{
		Title: "rows of <orders> & more", Times: true,
		Lines: []chart.Line{{Name: "value", X: []float64{0, 86400, 172800, 259200}, Y: []float64{1, 2, nan, 3}}},
		Band: &chart.Band{
			Name: "expected",
			X:    []float64{0, 86400, 172800, 259200},
			Low:  []float64{nan, 0, 0, 0},
			High: []float64{nan, 1e300, 4, 4},
		},
		Points: []chart.Line{{Name: "alarm", X: []float64{259200}, Y: []float64{3}}},
		Boxes:  []chart.Box{{From: 86400, To: 172800}},
	})
	if n["circle"] != 1 || n["polygon"] != 1 || n["clipPath"] != 1 {
		t.Errorf("%v in\n%s", n, text)
	}
	for _, want := range []string{
		"rows of &lt;orders&gt; &amp; more", "1970-01-02", ">alarm<", ">expected<", "M64.0", `L`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestEmptyFlatAndBars(t *testing.T) {
	t.Parallel()
	elements(t, chart.Chart{Title: "nothing"})
	elements(t, chart.Chart{Lines: []chart.Line{{X: []float64{5}, Y: []float64{7}}}})
	text, n := elements(t, chart.Chart{Bars: []chart.Bar{{"a", 0.5}, {"b", -0.1}, {"c", 0}}})
	if n["rect"] != 4 || !strings.Contains(text, ">-0.1<") {
		t.Errorf("%v in\n%s", n, text)
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "a.svg")
	if err := chart.Save(path, chart.Chart{Title: "t"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if err := chart.Save("a.png", chart.Chart{}); err == nil || !strings.Contains(err.Error(), "end the name in .svg") {
		t.Errorf("a PNG: %v", err)
	}
}
