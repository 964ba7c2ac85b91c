package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel/testenv"
)

// server is the PostgreSQL server for shared states: the one of the environment, or one of
// its own.
var server = sync.OnceValues(func() (dsn string, err error) {
	if dsn := os.Getenv("SENTINEL_TEST_POSTGRES_DSN"); dsn != "" {
		return dsn, nil
	}
	s, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		return "", err
	}
	private = s
	return s.DSN, nil
})

// private is the server of its own; nil if there is none.
var private *testenv.Server

// sharedState makes an empty database for the state of several agents.
func sharedState(ctx context.Context, situation string) (dsn string, err error) {
	admin, err := server()
	if err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", admin)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	name := "record_" + strings.ReplaceAll(situation, "-", "_")
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	at, err := url.Parse(admin)
	if err != nil {
		return "", err
	}
	at.Path = "/" + name
	return at.String(), nil
}

// dropState drops the database of a situation.
func dropState(situation string) error {
	admin, err := server()
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", admin)
	if err != nil {
		return err
	}
	_, err = db.Exec("DROP DATABASE IF EXISTS record_" + strings.ReplaceAll(situation, "-", "_") + " WITH (FORCE)")
	return errors.Join(err, db.Close())
}
