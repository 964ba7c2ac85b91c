package page_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Somebody reads a value off a chart: in its table, and by the keys in the chart that can be zoomed.
func TestReadAValueOffAChart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(10)
	s.past(table(7))
	p := s.open("/datasets/shop/schema_07/table_00007")
	p.do(chromedp.Click(".numbers summary"))
	want := value[string](p, `document.querySelector(".numbers tbody tr:nth-child(3) td:nth-child(2)").innerText`)
	if want == "" || want == "–" {
		t.Fatalf("the table has %q", want)
	}
	if text := value[string](p, `document.querySelector(".numbers tbody tr:nth-child(3) td:nth-child(3)").innerText`); text == "" {
		t.Error("nothing was expected of the value")
	}
	p.do(chromedp.Click(".zoom"))
	p.until(`document.activeElement.matches("figure") && document.querySelector("figure .uplot") !== null`)
	for range 3 {
		p.do(chromedp.KeyEvent(kb.ArrowLeft))
	}
	p.until(`document.querySelector(".u-legend tr:nth-child(2) .u-value").innerText === "` + want + `"`)
	if refused := value[[]string](p, "refused"); len(refused) > 0 {
		t.Errorf("%q", refused)
	}
}
