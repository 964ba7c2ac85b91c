package store_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/store"
)

// BenchmarkLongAuditLog searches and verifies a log of a million entries: a page of a person, a page
// of somebody who is nowhere, a subject, and 20,000 entries of the chain.
func BenchmarkLongAuditLog(b *testing.B) {
	const entries = 1_000_000
	path := filepath.Join(b.TempDir(), "s.db")
	s, err := store.Open(b.Context(), "sqlite:"+path)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	insert, err := tx.Prepare("INSERT INTO audit (seq, at, actor, what, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	head, detail := "", strings.Repeat("INSERT INTO t SELECT 1; ", 10)
	for n := int64(1); n <= entries; n++ {
		fields := []string{head, fmt.Sprint(n), fmt.Sprint(n * 1000), fmt.Sprint("person ", n%100), "repair.applied", fmt.Sprint("r", n/5), detail}
		sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
		head = hex.EncodeToString(sum[:])
		if _, err := insert.Exec(n, n*1000, fields[3], fields[4], fields[5], detail, head); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]store.AuditFilter{
		"all": {}, "a person": {Actor: "person 77"}, "nobody": {Actor: "nobody"}, "a subject": {Subject: "r199990"},
	} {
		b.Run(name, func(b *testing.B) {
			f.Limit = 100
			for b.Loop() {
				if _, _, err := s.SearchAudit(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("verify 20,000", func(b *testing.B) {
		var mark store.AuditMark
		for b.Loop() {
			end := false
			if mark, end, err = s.VerifyAuditFrom(b.Context(), mark, 20_000); err != nil {
				b.Fatal(err)
			}
			if end {
				mark = store.AuditMark{}
			}
		}
	})
}
