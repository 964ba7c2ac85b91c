package mysql

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// IndexKey implements warehouse.KeyIndexer. Of long values only the beginning is indexed,
// so that an index of any key stays below the 3072 bytes that InnoDB allows, and below 767
// for one column.
func (Dialect) IndexKey(key []warehouse.KeyColumn) string {
	parts := make([]string, len(key))
	for i, c := range key {
		prefix := min(191, 700/len(key)) // characters, of four bytes each
		switch c.Type.Family {
		case warehouse.Text, warehouse.FixedText, warehouse.Binary:
			if strings.HasPrefix(c.Type.Native, "tiny") {
				prefix = min(prefix, 63) // their length is one of bytes
			}
			if c.Type.Length > 0 && c.Type.Length <= prefix {
				break
			}
			parts[i] = fmt.Sprintf("%s(%d)", c.Name, prefix)
		case warehouse.JSON, warehouse.Array, warehouse.Other:
			return ""
		}
		if parts[i] == "" {
			parts[i] = c.Name
		}
	}
	return "(INDEX (" + strings.Join(parts, ", ") + "))"
}
