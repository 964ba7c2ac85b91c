package sqlite

import "github.com/sentinel-dq/sentinel/warehouse"

// QuerySyntax implements warehouse.QueryReader. A file that is open for reading alone
// does not keep ATTACH and VACUUM INTO from other files.
func (Dialect) QuerySyntax() warehouse.QuerySyntax {
	return warehouse.QuerySyntax{
		Reading:   []string{"SELECT", "WITH", "VALUES", "EXPLAIN", "PRAGMA"},
		Forbidden: []string{"load_extension", "writefile", "edit", "fts3_tokenizer"},
		Pragmas: []string{
			"integrity_check", "quick_check", "foreign_key_check", "user_version", "application_id", "page_count",
			"page_size", "freelist_count",
			"schema_version", "data_version", "table_info", "table_xinfo", "table_list", "index_list", "index_info",
			"index_xinfo", "foreign_key_list", "database_list", "collation_list", "function_list", "compile_options",
		},
	}
}
