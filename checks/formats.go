package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Parts of formats.
const (
	octet  = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])` // 0 to 255, without zeros in front
	label  = `[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?`   // of a host's name
	hex    = `[0-9A-Fa-f]`
	group  = hex + `{1,4}` // of an IPv6 address
	day    = `[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])`
	clock  = `(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?`
	offset = `(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])`
)

// formats are the patterns of `format:` by name. Each describes the whole text.
var formats = map[string]string{
	"email":         `\A[A-Za-z0-9.!#$%&'*+/=?^_{|}~\x60-]{1,64}@(?:` + label + `\.)+` + label + `\z`,
	"uuid":          `\A` + hex + `{8}-` + hex + `{4}-` + hex + `{4}-` + hex + `{4}-` + hex + `{12}\z`,
	"url":           `\A(?i:https?|ftp)://[^\s/?#]+(?:[/?#]\S*)?\z`,
	"ipv4":          `\A(?:` + octet + `\.){3}` + octet + `\z`,
	"ipv6":          ipv6(),
	"iso_date":      `\A` + day + `\z`,
	"iso_timestamp": `\A` + day + `[T ]` + clock + offset + `?\z`,
	"integer":       `\A[+-]?[0-9]+\z`,
	"decimal":       `\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\z`,
	"iban":          `\A[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?\z`,
	"phone":         `\A\+?[0-9(][0-9 ().-]{5,20}[0-9]\z`,
	"credit_card":   `\A[0-9]{4}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\z`,
	"country_code":  `\A[A-Z]{2}\z`,
	"currency_code": `\A[A-Z]{3}\z`,
}

// ipv6 returns the pattern of eight groups, of which :: may stand for some.
func ipv6() string {
	forms := []string{"(?:" + group + ":){7}" + group, "(?:" + group + ":){1,7}:", ":(?::" + group + "){1,7}", "::"}
	for before := 1; before <= 6; before++ {
		forms = append(forms, fmt.Sprintf("(?:%s:){1,%d}(?::%s){1,%d}", group, before, group, 7-before))
	}
	return `\A(?:` + strings.Join(forms, "|") + `)\z`
}

// Formats returns the names of formats in alphabetical order.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }
