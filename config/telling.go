package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/settings"
)

// channels reads `notify:`: names, each with one kind and how often at most.
func (r *reader) channels(n *yaml.Node) (out []notify.Channel) {
	for _, f := range r.fields(n, "names of channels, each with its kind such as `slack:`") {
		if c, ok := r.channel(f); ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b notify.Channel) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (r *reader) channel(f field) (c notify.Channel, ok bool) {
	before := len(r.mistakes)
	c.Name = f.name
	for _, k := range r.fields(f.value, "a kind such as `slack:` with its fields") {
		if k.name == "rate" {
			if r.decode(k.value, &c.Rate) {
				if err := c.Rate.Validate(); err != nil {
					r.invalid(k.value, k.value, "rate", err)
				}
			}
			continue
		}
		made, err := notify.New(k.name)
		switch {
		case err != nil:
			r.wrong(k.key, "%s", settings.UnknownWord("channel", k.name, append(notify.Kinds(), "rate")))
			continue
		case c.Notifier != nil:
			r.wrong(k.key, "a second kind: give it a name of its own")
			continue
		}
		c.Notifier = made
		if !isNull(k.value) && !r.decode(k.value, made) {
			continue
		}
		switch m := made.(type) { // paths start from the file's folder
		case *notify.Log:
			m.File = r.optionalPath(m.File)
		case *notify.Email:
			m.CAFile = r.optionalPath(m.CAFile)
		}
		if err := made.Validate(); err != nil {
			r.invalid(k.value, k.value, k.name, err)
		}
	}
	if c.Notifier == nil && len(r.mistakes) == before {
		r.wrong(f.key, "channel %s has no kind: want one of %s", f.name, strings.Join(notify.Kinds(), ", "))
	}
	return c, len(r.mistakes) == before
}

// routes reads `routes:`, which name channels.
func (r *reader) routes(n *yaml.Node, channels []notify.Channel) (out []notify.Route) {
	var names []string
	for _, c := range channels {
		names = append(names, c.Name)
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "want a list of routes such as `- {tier: critical, to: [oncall]}`")
		return nil
	}
	for _, item := range n.Content {
		var route notify.Route
		if !r.decode(item, &route) {
			continue
		}
		if err := route.Validate(names); err != nil {
			r.invalid(item, item, "", err)
			continue
		}
		out = append(out, route)
	}
	return out
}

// maintenance reads `maintenance:`.
func (r *reader) maintenance(n *yaml.Node) (out []notify.Window) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "want a list of windows such as `- {name: vacuum, from: \"02:00\", to: \"04:00\"}`")
		return nil
	}
	for i, item := range n.Content {
		var w notify.Window
		if !r.decode(item, &w) {
			continue
		}
		if err := w.Validate(); err != nil {
			r.invalid(item, item, "", err)
			continue
		}
		if w.Name == "" {
			w.Name = fmt.Sprintf("window %d", i+1)
		}
		out = append(out, w)
	}
	return out
}

// externalURL reads where people reach the agent.
func (r *reader) externalURL(n *yaml.Node) string {
	text, ok := r.text(n)
	if u, err := url.Parse(text); ok && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		r.wrong(n, "want an address such as https://sentinel.example.com")
	}
	return strings.TrimSuffix(text, "/")
}

// channelSchema is a value of `notify:`.
func channelSchema() object {
	properties := object{"rate": schemaOf(reflect.TypeFor[notify.Rate]())}
	for _, kind := range notify.Kinds() {
		c, err := notify.New(kind)
		if err != nil {
			panic(err) // listed by the registry
		}
		properties[kind] = object{"anyOf": []any{schemaOf(reflect.TypeOf(c).Elem()), object{"type": "null"}}}
	}
	return closed(properties)
}
