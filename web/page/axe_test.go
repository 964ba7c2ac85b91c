package page_test

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js
var axe string

// The rules are those of WCAG 2.1, A and AA, and axe's own good practice. Those of colours are
// asked of the dark pages too.
const (
	allRules = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]`
	colours  = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// run runs axe-core with some rules. Its findings are in window.found then.
const run = `window.found = null; axe.run(document, {resultTypes: ["violations"], preload: false, runOnly: %s}).then(r => {
	window.found = r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(
		v => v.id + " (" + v.impact + "): " + v.nodes.slice(0, 3).map(n => n.target + " " + n.html.slice(0, 160) + " " +
			(n.any[0]?.message ?? n.all[0]?.message ?? "")).join("; ")) }); true`

// axe-core finds nothing serious on any screen: light and dark, wide and narrow, with everything
// opened.
func TestEveryScreenIsAccessible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "payments of Köln")
	w.check()
	p := w.signIn()
	for _, name := range slices.Sorted(maps.Keys(w.paths)) {
		path := w.paths[name][0]
		p.visit(w.url + path)
		value[bool](p, axe+`; for (const d of document.querySelectorAll("main details")) d.open = true; true`)
		for _, width := range []int64{1280, 390} {
			for scheme, rules := range map[string]string{"light": allRules, "dark": colours} {
				p.looks(width, scheme)
				value[bool](p, fmt.Sprintf(run, rules))
				p.until("window.found !== null")
				for _, found := range value[[]string](p, "window.found") {
					t.Errorf("%s at %d px, %s: %s", path, width, scheme, found)
				}
			}
		}
	}
}

// looks sets the width of the tab, and the colours that the system prefers.
func (t *tab) looks(width int64, scheme string) {
	t.Helper()
	t.do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}
