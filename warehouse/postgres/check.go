package postgres

import (
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// TypeNames implements warehouse.TypeLister. Users and extensions add types.
func (Dialect) TypeNames() (names []string, open bool) {
	return []string{
		"money", "name", "oid", "xml", "bit", "bit varying", "varbit", "bpchar", "timetz", "inet", "cidr", "macaddr",
		"macaddr8", "point", "line", "lseg", "box", "path", "polygon", "circle", "tsvector", "tsquery", "jsonpath",
		"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "int4multirange", "int8multirange",
		"nummultirange", "tsmultirange", "tstzmultirange", "datemultirange", "pg_lsn", "xid", "regclass", "hstore",
		"citext", "ltree", "cube", "geometry", "geography", "raster", "vector", "halfvec",
	}, true
}

// fileKeys are the keys of a DSN that name files, which may be on the agent's machine alone.
var fileKeys = []string{"sslrootcert", "sslcert", "sslkey", "sslpassword", "passfile", "service", "servicefile"}

// CheckDSN implements warehouse.DSNChecker.
func (Dialect) CheckDSN(dsn string) error {
	const want = "want postgres://user:password@host:5432/database"
	_, rest, isURL := strings.Cut(dsn, "://")
	if !isURL {
		return nil
	}
	if strings.Trim(rest, "/") == "" {
		return errors.New("it names neither a server nor a database: write user:password@host:5432/database after //")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return errors.New("it cannot be read: " + want + ", and write special characters of the password as %40 or %23")
	}
	query := u.Query()
	for _, key := range fileKeys {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	if _, err := pgconn.ParseConfig(u.String()); err != nil {
		reason := err.Error()
		if at := strings.LastIndex(reason, ": "); at >= 0 {
			reason = reason[at+2:]
		}
		return errors.New(reason + ": " + want)
	}
	return nil
}
