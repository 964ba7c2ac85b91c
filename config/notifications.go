package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/notify"
)

// channels validates `notify:` and orders it by name.
func (r *reader) channels(f *file) (out []notify.Channel) {
	entries := f.Notify
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if e == nil {
			e = &channelEntry{}
		}
		if e.node != nil && r.isWrong(e.node) {
			continue
		}
		if e.it == nil {
			const message = "channel %s has no kind: want one of %s"
			r.wrong(r.keyOf("notify", name), message, name, strings.Join(notify.Kinds(), ", "))
			continue
		}
		if _, known := entries[e.Fallback]; e.Fallback != "" && (!known || e.Fallback == name) {
			r.wrong(child(e.node, "fallback"), "fallback: want the name of another channel of `notify:`, not %q", e.Fallback)
			continue
		}
		if err := e.Rate.Validate(); r.invalid(child(e.node, "rate"), child(e.node, "rate"), "rate", err) {
			continue
		}
		r.resolvePaths(e.it)
		if err := e.it.Validate(); r.invalid(e.fields, e.fields, e.kindName, err) {
			continue
		}
		out = append(out, notify.Channel{
			Name: name, Notifier: e.it, Rate: e.Rate, Fallback: e.Fallback,
			Outbound: r.outbound(e.node, e.Outbound, &f.Outbound),
		})
	}
	return out
}

// routes validates `routes:`, which name channels.
func (r *reader) routes(entries []routeEntry, channels []string) (out []notify.Route) {
	slices.Sort(channels)
	if len(channels) == 0 && (r.keysWrong(r.root) || !isNull(child(r.root, "notify"))) {
		return nil // a mistake already
	}
	for i := range entries {
		e := &entries[i]
		for n := range e.During {
			r.resolvePaths(&e.During[n])
		}
		if err := e.Route.Validate(channels); r.invalid(e.node, e.node, "", err) {
			continue
		}
		out = append(out, e.Route)
		r.unreachable(e, out)
	}
	return out
}

// unreachable refuses the last of some routes where another takes all that it matches,
// if it has hours, and warns of it otherwise.
func (r *reader) unreachable(e *routeEntry, routes []notify.Route) {
	by := notify.Hides(routes, len(routes)-1)
	if by == 0 {
		return
	}
	const message = "this route is never taken: route %d before it takes all that it matches: " +
		"put this one before it, or add `continue: true` there"
	if len(e.During) > 0 {
		r.wrong(nodeOf(e.node, e.node, "during"), message, by)
		return
	}
	r.notes = append(r.notes, fmt.Sprintf("%s:%d: "+message, r.file, e.node.Line, by))
}

// maintenance validates `maintenance:`.
func (r *reader) maintenance(entries []windowEntry) (out []notify.Window) {
	for i := range entries {
		w := &entries[i].Window
		if entries[i].node == nil || r.isWrong(entries[i].node) {
			continue
		}
		r.resolvePaths(w)
		if err := w.Validate(); r.invalid(entries[i].node, entries[i].node, "", err) {
			continue
		}
		if w.Name == "" {
			w.Name = fmt.Sprintf("window %d", i+1)
		}
		out = append(out, *w)
	}
	return out
}
