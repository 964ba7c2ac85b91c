package mysql

import "github.com/sentinel-dq/sentinel/warehouse"

// QuerySyntax implements warehouse.QueryReader. INTO writes a file on the server, or a
// variable. It does so in a transaction that only reads, too.
func (Dialect) QuerySyntax() warehouse.QuerySyntax {
	return warehouse.QuerySyntax{
		Reading: warehouse.ReadingWords,
		Forbidden: []string{
			"get_lock", "release_lock", "release_all_locks", "sys_exec", "sys_eval", "sys_set", "nextval", "setval", "lastval",
		},
		IntoIsWriting: true,
	}
}
