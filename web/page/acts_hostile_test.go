package page_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// sown are texts that would run if one of them were not escaped.
var sown = strings.Join([]string{
	`<script>planted()</script>`, `"><img src=x onerror=planted()>`, `'><svg onload=planted()>`, `</textarea></pre></option></select>`,
	`javascript:planted()`, `" onfocus=planted() autofocus x="`, "\u202e\u2028<b onmouseover=planted()>", `{{planted()}}`,
}, " ")

// touch opens what is folded, and points at, focuses and leaves every element.
const touch = `(() => {
	for (const d of document.querySelectorAll("details")) d.open = true;
	for (const e of document.querySelectorAll("body *")) {
		for (const kind of ["mouseenter", "mouseover", "mousemove", "focus", "blur"]) e.dispatchEvent(new Event(kind));
		e.focus?.();
	}
	return document.querySelectorAll("main *").length;
})()`

// What others have written is text on every screen, wherever it stands: also after everything was
// opened and pointed at, and after news have changed the page.
func TestHostileTextsAreTextOnEveryScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sown)
	w.check()
	p := w.signIn()
	for name, paths := range w.paths {
		for _, path := range paths {
			p.visit(w.url + path)
			p.harmless(path)
			if wide := value[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%s is %d px wider than the window: %s", path, wide,
					value[string](p, `[...document.querySelectorAll("body *")].filter(
					e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 6).map(e => e.outerHTML.slice(0, 80)).join(" | ")`))
			}
			value[int](p, touch)
			p.harmless(path + ", touched")
			text := value[string](p, `document.getElementById("main").innerText + [...document.querySelectorAll("main input, main textarea")]
				.map(e => e.value).join(" ")`)
			if name != "docs.html" && name != "doc.html" && !strings.Contains(text, "<script>planted()</script>") {
				t.Errorf("%s does not show the texts: %s", path, text)
			}
		}
	}
	all := w.incidents(teller{text: sown}.table())
	for path, i := range map[string]sentinel.Incident{w.paths["dataset.html"][0]: all[2], "/": all[0], "/incidents": all[0]} {
		p.visit(w.url + path)
		i.Message = sown + " again, on " + path
		w.record(batchOf(i))
		p.shows("again, on " + path)
		p.harmless(path + ", after news")
	}
}

// harmless holds a page to what it may have: no element, handler or link of a hostile text, and
// none has run.
func (t *tab) harmless(what string) {
	t.Helper()
	const made = `[...document.querySelectorAll("body *")].filter(e => e.matches("main script, main img:not(.prose img), main iframe, b[onmouseover]") ||
		[...e.attributes].some(a => a.name.startsWith("on") || /planted/.test(a.name)) ||
		["href", "src", "action", "formaction", "xlink:href"].some(a => /^\s*javascript:/i.test(e.getAttribute(a) ?? "")))
		.map(e => e.outerHTML.slice(0, 120)).join("\n")`
	if found := value[string](t, made); found != "" {
		t.Errorf("%s has elements of hostile texts:\n%s", what, found)
	}
	if links := value[int](t, `[...document.links].filter(a => !/^https?:/.test(a.protocol)).length`); links > 0 {
		t.Errorf("%s has %d links that are no addresses", what, links)
	}
	if value[bool](t, `window.wasPlanted === true`) {
		t.Errorf("%s ran a hostile text", what)
	}
}
