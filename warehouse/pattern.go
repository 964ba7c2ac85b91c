package warehouse

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// PatternSyntax says how an engine writes what the parts of a pattern mean. What is not in
// it is written alike by all: groups, alternatives, *, +, ? and lookarounds.
type PatternSyntax struct {
	Rune    string // a character by its code point, for fmt: \x{%x}
	AnyRune string // any character, also \n
	EndText string // the end of the text, also behind a \n: \z
	// MostRepeats is the largest number in {n}. More are written as several.
	MostRepeats int
	First       rune // smallest character that a class may name
}

// Write writes a pattern in an engine's syntax. Classes are written by code points, so that
// no locale or flag of the engine changes what they mean.
func (s PatternSyntax) Write(p *syntax.Regexp) (string, error) {
	var b strings.Builder
	err := s.write(&b, p)
	return b.String(), err
}

const (
	word        = "[0-9A-Z_a-z]"
	atBoundary  = "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))"
	offBoundary = "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))"
)

func (s PatternSyntax) write(b *strings.Builder, p *syntax.Regexp) error {
	switch p.Op {
	case syntax.OpNoMatch:
		b.WriteString(`(?:x\A)`)
	case syntax.OpEmptyMatch:
		b.WriteString("(?:)")
	case syntax.OpLiteral:
		for _, r := range p.Rune {
			s.literal(b, r, p.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		s.class(b, p.Rune)
	case syntax.OpAnyCharNotNL:
		s.class(b, []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune})
	case syntax.OpAnyChar:
		b.WriteString(s.AnyRune)
	case syntax.OpBeginLine:
		b.WriteString(`(?:\A|(?<=` + fmt.Sprintf(s.Rune, '\n') + `))`)
	case syntax.OpEndLine:
		b.WriteString(`(?:` + s.EndText + `|(?=` + fmt.Sprintf(s.Rune, '\n') + `))`)
	case syntax.OpBeginText:
		b.WriteString(`\A`)
	case syntax.OpEndText:
		b.WriteString(s.EndText)
	case syntax.OpWordBoundary:
		b.WriteString(atBoundary)
	case syntax.OpNoWordBoundary:
		b.WriteString(offBoundary)
	case syntax.OpCapture:
		return s.group(b, p.Sub[0])
	case syntax.OpStar:
		return s.repeated(b, p.Sub[0], "*")
	case syntax.OpPlus:
		return s.repeated(b, p.Sub[0], "+")
	case syntax.OpQuest:
		return s.repeated(b, p.Sub[0], "?")
	case syntax.OpRepeat:
		return s.repeat(b, p)
	case syntax.OpConcat:
		for _, sub := range p.Sub {
			if err := s.write(b, sub); err != nil {
				return err
			}
		}
	case syntax.OpAlternate:
		b.WriteString("(?:")
		for i, sub := range p.Sub {
			if i > 0 {
				b.WriteString("|")
			}
			if err := s.write(b, sub); err != nil {
				return err
			}
		}
		b.WriteString(")")
	default:
		return fmt.Errorf("the pattern has a part %s that cannot be written for the engine", p.Op)
	}
	return nil
}

func (s PatternSyntax) group(b *strings.Builder, p *syntax.Regexp) error {
	b.WriteString("(?:")
	err := s.write(b, p)
	b.WriteString(")")
	return err
}

// repeated writes a group with a quantifier. Whether it is greedy does not change whether a
// text matches.
func (s PatternSyntax) repeated(b *strings.Builder, p *syntax.Regexp, quantifier string) error {
	err := s.group(b, p)
	b.WriteString(quantifier)
	return err
}

// repeat writes {min,max} as as many quantifiers as the engine needs.
func (s PatternSyntax) repeat(b *strings.Builder, p *syntax.Regexp) error {
	for least := p.Min; least > 0; least -= s.MostRepeats {
		if err := s.repeated(b, p.Sub[0], fmt.Sprintf("{%d}", min(least, s.MostRepeats))); err != nil {
			return err
		}
	}
	if p.Max < 0 {
		return s.repeated(b, p.Sub[0], "*")
	}
	for more := p.Max - p.Min; more > 0; more -= s.MostRepeats {
		if err := s.repeated(b, p.Sub[0], fmt.Sprintf("{0,%d}", min(more, s.MostRepeats))); err != nil {
			return err
		}
	}
	if p.Max == 0 {
		b.WriteString("(?:)")
	}
	return nil
}

// literal writes one character, or all that differ from it in case alone.
func (s PatternSyntax) literal(b *strings.Builder, r rune, fold bool) {
	if fold && unicode.SimpleFold(r) != r {
		class := []rune{r, r}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			class = append(class, other, other)
		}
		s.class(b, class)
		return
	}
	b.WriteString(s.rune(r))
}

// rune writes one character: letters and digits of ASCII as they are.
func (s PatternSyntax) rune(r rune) string {
	if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return string(r)
	}
	return fmt.Sprintf(s.Rune, r)
}

// class writes a class of ranges: pairs of a first and a last character.
func (s PatternSyntax) class(b *strings.Builder, ranges []rune) {
	n := len(ranges)
	negated := n >= 2 && ranges[0] == 0 && ranges[n-1] == unicode.MaxRune
	if negated {
		ranges = gaps(ranges)
	}
	var list strings.Builder
	for i := 0; i+1 < len(ranges); i += 2 {
		s.span(&list, ranges[i], ranges[i+1])
	}
	switch {
	case list.Len() == 0 && negated:
		b.WriteString(s.AnyRune)
	case list.Len() == 0:
		b.WriteString(`(?:x\A)`)
	case negated:
		b.WriteString("[^" + list.String() + "]")
	default:
		b.WriteString("[" + list.String() + "]")
	}
}

// gaps returns the ranges between ranges.
func gaps(ranges []rune) (between []rune) {
	for i := 1; i+1 < len(ranges); i += 2 {
		between = append(between, ranges[i]+1, ranges[i+1]-1)
	}
	return between
}

// firstSurrogate and lastSurrogate enclose code points that are no characters.
const firstSurrogate, lastSurrogate = 0xd800, 0xdfff

// span writes a range of a class, without what is no character.
func (s PatternSyntax) span(b *strings.Builder, first, last rune) {
	first = max(first, s.First)
	if first <= lastSurrogate && last >= firstSurrogate {
		s.span(b, first, firstSurrogate-1)
		s.span(b, lastSurrogate+1, last)
		return
	}
	switch {
	case first > last:
	case first == last:
		b.WriteString(s.rune(first))
	default:
		b.WriteString(s.rune(first) + "-" + s.rune(last))
	}
}

// ParsePattern reads a pattern in RE2's syntax. Its error names what the syntax has not,
// such as look-arounds.
func ParsePattern(pattern string) (*syntax.Regexp, error) {
	p, err := syntax.Parse(pattern, syntax.Perl)
	if err == nil {
		return p, nil
	}
	for mark, name := range map[string]string{
		"(?=": "a look-ahead", "(?!": "a look-ahead", "(?<=": "a look-behind", "(?<!": "a look-behind",
		"(?>": "an atomic group", `\1`: "a back-reference", `\2`: "a back-reference",
	} {
		if strings.Contains(pattern, mark) {
			return nil, fmt.Errorf("the pattern has %s (%s), which RE2 has not: "+
				"use failed_rows with the engine's own operator", name, mark)
		}
	}
	return nil, fmt.Errorf("the pattern cannot be read: %w", err)
}
