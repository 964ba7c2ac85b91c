package config

import "strings"

// FileWithExample makes a file of an example in the documentation: the folder of its
// page says where it stands.
func FileWithExample(folder, example string) string {
	if strings.HasPrefix(example, "- on:") {
		folder = "repair"
	}
	text := example
	switch folder {
	case "checks", "repair", "notify", "exporters":
		text = inBlock(folder, example)
	case "docs":
		if strings.HasPrefix(example, "- ") {
			text = inBlock("checks", example)
		}
	}
	for _, block := range []struct{ key, text string }{
		{"warehouses:", "warehouses: {shop: {dsn: \"sqlite:x.db\", repair_dsn: \"sqlite:x.db\"}, crm: {dsn: \"sqlite:y.db\"}}\n"},
		{"datasets:", "datasets: [{table: shop.t, checks: [row_count > 0]}]\n"},
		{"notify:", "notify: {team: {log: {}}, pager: {log: {}}, chat: {log: {}}, finance-mail: {log: {}}}\n"},
	} {
		if !strings.HasPrefix(text, block.key) && !strings.Contains(text, "\n"+block.key) {
			text = block.text + text
		}
	}
	return text
}
