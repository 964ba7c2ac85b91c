package cli

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestProposalNamesRowSecurity: who proposes checks with a user that sees a part of a table is
// shown what these checks will say.
func TestProposalNamesRowSecurity(t *testing.T) {
	t.Parallel()
	for _, filtered := range []bool{false, true} {
		name := warehouse.TableName{Schema: "public", Name: "orders"}
		text := proposal("shop", &warehouse.Catalog{Tables: map[warehouse.TableName]*warehouse.Table{
			name: {TableName: name, Kind: warehouse.BaseTable, Filtered: filtered}}}, nil)
		if got := strings.Contains(text, "# row_security: visible"); got != filtered {
			t.Errorf("filtered %t:\n%s", filtered, text)
		}
	}
}
