package dialecttest

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// hashing: a dialect that hashes rows has the hash that the interface describes, adds hashes
// up without overflow, and divides keys by rounding down.
func (s suite) hashing(t *testing.T) {
	h, ok := s.Dialect.(warehouse.RowHasher)
	if !ok {
		return
	}
	b := s.open(t, warehouse.Config{})
	form := warehouse.HashForm{Kind: warehouse.HashText, As: warehouse.Type{Family: warehouse.Text}}
	b.exec("CREATE TABLE [x] ([n] "+s.Types.BigInt+", [w] "+s.Types.Text+")",
		"INSERT INTO [x] VALUES (1, 'ä,b'), (2, NULL), (3, '')")
	column := s.quoted(t, "[w]")
	text, err := h.HashText(column, b.table("x").Column("w").Type, form)
	if err != nil {
		t.Fatal(err)
	}
	from := " FROM " + s.quoted(t, "[x]")
	for i, row := range []string{"3:ä,b,", "~,", "0:,"} {
		sum := md5.Sum([]byte(row))
		want := binary.BigEndian.Uint64(sum[8:]) & (1<<60 - 1)
		query := fmt.Sprintf("SELECT %s%s WHERE %s = %d", h.Hash([]string{text}), from, s.quoted(t, "[n]"), i+1)
		b.want(fmt.Sprint(want), query)
	}
	for range 2 {
		b.exec("INSERT INTO [x] SELECT * FROM [x]", "INSERT INTO [x] SELECT * FROM [x]")
	}
	const largest, rows = int64(1)<<60 - 1, 48
	sum := new(big.Int).Mul(big.NewInt(largest), big.NewInt(rows))
	b.want(sum.String(), fmt.Sprintf("SELECT %s FROM (SELECT %d AS h%s) r", h.SumHashes("h"), largest, from))
	s.dividing(t, b)
}

// dividing: keys are divided by rounding down, and the number of their bits is right or one
// more.
func (s suite) dividing(t *testing.T, b *fixtureDB) {
	t.Helper()
	d, ok := s.Dialect.(warehouse.KeyDivider)
	if !ok {
		return
	}
	keys := []int64{0, 1, -1, 1023, 1024, -1024, -1025, math.MaxInt64, math.MinInt64, math.MinInt64 + 1}
	b.exec("CREATE TABLE [k] ([n] " + s.Types.BigInt + ")")
	key, from := s.quoted(t, "[n]"), " FROM "+s.quoted(t, "[k]")
	for _, k := range keys {
		b.exec("DELETE FROM [k]", "INSERT INTO [k] VALUES ("+fmt.Sprint(k)+")")
		for _, shift := range []int{0, 1, 10, 62, 63} {
			b.want(fmt.Sprint(k>>shift), "SELECT "+d.DivideKey(key, fmt.Sprint(shift))+from)
		}
		for _, low := range keys {
			if low > k {
				continue
			}
			b.exec("DELETE FROM [k]", fmt.Sprintf("INSERT INTO [k] VALUES (%d), (%d)", k, low))
			got, err := b.ask("SELECT " + d.BitsBetween("low", "high") + " FROM (SELECT min(" + key + ") AS low, max(" + key +
				") AS high" + from + ") b")
			least := bits.Len64(uint64(k) - uint64(low))
			if n, bad := strconv.Atoi(got.Text); err != nil || bad != nil || n < least || n > least+1 {
				t.Errorf("%q (%v) bits between %d and %d, want %d", got.Text, err, low, k, least)
			}
		}
	}
}
