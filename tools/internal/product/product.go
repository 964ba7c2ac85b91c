// Package product builds the command that the benches measure.
package product

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Build builds cmd/sentinel of the product into the file named binary, as
// `make build` does. It must run within this module.
func Build(binary string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/sentinel-dq/sentinel").Output()
	if err != nil {
		return fmt.Errorf("finding the product's module: %w", err)
	}
	dir := strings.TrimSpace(string(root))
	cmd := exec.Command("go", "build", "-C", dir, "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/sentinel")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building sentinel: %w\n%s", err, out)
	}
	return nil
}
