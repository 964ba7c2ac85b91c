package settings

import (
	"fmt"
	"slices"
	"strings"
)

// UnknownWord returns the message for an unknown word, with the known word that was
// probably meant. what names the kind of word, such as "key".
func UnknownWord(what, word string, known []string) string {
	if near, ok := Nearest(word, known); ok {
		return fmt.Sprintf("unknown %s %q: did you mean %q?", what, word, near)
	}
	known = slices.Sorted(slices.Values(known))
	if len(known) > 16 {
		known = append(known[:16:16], "...")
	}
	return fmt.Sprintf("unknown %s %q: want one of %s", what, word, strings.Join(known, ", "))
}

// Nearest returns the known word closest to an unknown one, if it is close enough.
func Nearest(word string, known []string) (string, bool) {
	best, distance := "", len(word)/3+2
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best, best != ""
}

// Near returns the known word that differs from an unknown one by a slip of the keyboard: by
// one letter, or two in a word of seven and more. The first of several is the one.
func Near(word string, known []string) (string, bool) {
	best, distance := "", 1+min(1, len(word)/4)+min(1, len(word)/7)
	word = strings.ToLower(word)
	for _, k := range known {
		if length := len(k) - len(word); length >= distance || -length >= distance {
			continue
		}
		if d := editDistance(word, strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best, best != ""
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours (Damerau's restricted distance).
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
