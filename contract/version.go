package contract

import (
	"fmt"
	"strconv"
	"strings"
)

// version is a semantic version, https://semver.org.
type version struct{ major, minor, patch int }

func parseVersion(text string) (v version, err error) {
	core, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return v, fmt.Errorf("version %q: want three numbers such as 1.2.0", text)
	}
	for i, to := range []*int{&v.major, &v.minor, &v.patch} {
		if *to, err = strconv.Atoi(parts[i]); err != nil || *to < 0 {
			return v, fmt.Errorf("version %q: want three numbers such as 1.2.0", text)
		}
	}
	return v, nil
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

func (v version) less(o version) bool {
	return v.major < o.major || v.major == o.major && (v.minor < o.minor || v.minor == o.minor && v.patch < o.patch)
}

// Step returns "" if the version after is high enough for the changes, and else what is
// wanted. A breaking change needs a major step, or below 1.0.0 a minor one; another change a
// minor step.
func Step(before, after string, changes []Change) (wanted string, err error) {
	was, err := parseVersion(before)
	if err != nil {
		return "", err
	}
	is, err := parseVersion(after)
	if err != nil || len(changes) == 0 {
		return "", err
	}
	least, why := version{was.major, was.minor + 1, 0}, "it adds "+changes[0].Name()
	for _, c := range changes {
		if c.Breaking() && was.major > 0 {
			least, why = version{was.major + 1, 0, 0}, c.Name()+" is breaking"
			break
		}
	}
	if is.less(least) {
		return fmt.Sprintf("version %s after %s: want %s or later, because %s", is, was, least, why), nil
	}
	return "", nil
}

// Name returns the kind with its table and object: column_removed of orders.note.
func (c Change) Name() string {
	name := c.Table
	if c.Object != "" {
		name += "." + c.Object
	}
	return string(c.Kind) + " of " + name
}
