package config

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/settings"
)

const (
	mostTags   = 20 // of a dataset
	longestTag = 64 // characters
)

// inheritTags overrides inherited tags. They are sorted, and each stands once.
func (r *reader) inheritTags(to *inherited, tags []string, n *yaml.Node) {
	at := child(n, "tags")
	if r.isWrong(at) {
		return
	}
	if len(tags) > mostTags {
		r.wrong(nodeOf(n, n, "tags"), "%d tags: want at most %d", len(tags), mostTags)
		return
	}
	out := make([]string, 0, len(tags))
	for i, t := range tags {
		if why := WrongTag(t); why != "" {
			r.wrong(nodeOf(at, at, settings.Index("", i)), "the tag %q %s", t, why)
			return
		}
		out = append(out, r.shared(t))
	}
	slices.Sort(out)
	to.tags = slices.Compact(out)
}

// WrongTag says what is wrong with a tag; "" if nothing is. Wildcards are for routes.
func WrongTag(t string) string {
	switch {
	case t == "" || strings.TrimSpace(t) != t:
		return "is empty or has blanks around it"
	case len([]rune(t)) > longestTag:
		return "is longer than 64 characters"
	case strings.ContainsAny(t, "*%,"):
		return "has a comma or a wildcard"
	case strings.ContainsFunc(t, func(c rune) bool { return !unicode.IsPrint(c) }):
		return "has a character that cannot be printed"
	}
	return ""
}
