package checks

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Cache keeps the answers of tables while the engine's change counters show no writes.
// The zero value is an empty cache. It is safe for concurrent use.
type Cache struct {
	mu     sync.Mutex
	tables map[sentinel.Table]*tableAnswers
	// catalogs are the last catalogs read for each set of tables that is due together.
	catalogs map[catalogKey]*warehouse.Catalog
	// split are the tables whose heavy questions are asked apart, with the time at which
	// their statement timed out.
	split map[sentinel.Table]time.Time
}

// splitFor is how long heavy questions are asked apart. After it they are merged again.
const splitFor = 24 * time.Hour

func (c *Cache) splitTable(t sentinel.Table, now time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.split == nil {
		c.split = map[sentinel.Table]time.Time{}
	}
	for table, at := range c.split {
		if now.Sub(at) >= splitFor {
			delete(c.split, table)
		}
	}
	c.split[t] = now
}

func (c *Cache) isSplit(t sentinel.Table, now time.Time) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at, split := c.split[t]
	return split && now.Sub(at) < splitFor
}

// catalogKey names a set of tables by a hash. A collision is harmless: the dialect
// compares a previous catalog with the tables it is asked for.
type catalogKey struct {
	warehouse string
	tables    uint64
}

var seed = maphash.MakeSeed()

func keyOf(name string, tables []warehouse.TableName) catalogKey {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, t := range tables {
		maphash.WriteComparable(&h, t)
	}
	return catalogKey{name, h.Sum64()}
}

// maxCatalogs bounds the sets of tables that are kept.
const maxCatalogs = 64

func (c *Cache) catalog(name string, tables []warehouse.TableName) *warehouse.Catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.catalogs[keyOf(name, tables)]
}

func (c *Cache) storeCatalog(name string, tables []warehouse.TableName, read *warehouse.Catalog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.catalogs == nil || len(c.catalogs) >= maxCatalogs {
		c.catalogs = map[catalogKey]*warehouse.Catalog{}
	}
	c.catalogs[keyOf(name, tables)] = read
}

// tableAnswers holds the answers of one table at one value of its change counters.
type tableAnswers struct {
	id      string
	storage string
	written int64
	answers map[string]Answer
	at      time.Time // time of the oldest answer
}

// counts reports whether the counters of a table are those that the answers were read at.
func (t *tableAnswers) counts(rel *warehouse.Table) bool {
	return t.id == rel.ID && t.storage == rel.Storage && t.written == rel.Written
}

// key returns the cache key of an aggregate; ok is false if it may not be cached. SQL
// that users write may depend on the time of day, so only plain columns are cached.
func (a *Aggregate) key() (key string, ok bool) {
	w := a.Window
	if a.Where != "" || a.Expr != "" || a.Func == "" || a.Time.Expression != "" || w.Time.Expression != "" {
		return "", false
	}
	if a.Bad != nil && a.badKey == "" || a.Distinct != nil {
		return "", false
	}
	return fmt.Sprintf("%s|%s|%s|%+v|%s|%+v|%d|%d|%d|%d|%v|%v", a.Func, a.Column, a.badKey, a.Time, a.Values, w.Time,
		w.From.UnixMicro(), w.To.UnixMicro(), w.FromWall.UnixMicro(), w.ToWall.UnixMicro(), w.Gaps, w.InGaps), true
}

// load returns the answer if nothing was written since it was read.
func (c *Cache) load(table sentinel.Table, rel *warehouse.Table, a *Aggregate) (Answer, bool) {
	key, ok := a.key()
	if c == nil || !ok || rel.Written < 0 {
		return Answer{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.tables[table]
	if r == nil || !r.counts(rel) {
		return Answer{}, false
	}
	answer, ok := r.answers[key]
	answer.Evidence = sentinel.Evidence{
		Source:     "change_counters",
		Confidence: sentinel.Exact,
		Note:       "nothing written since " + r.at.UTC().Format("2006-01-02 15:04:05") + " UTC",
	}
	return answer, ok
}

// store keeps an answer that was read after the catalog. If rows were written in
// between, the counters have moved on at the next tick, and the answer is not used.
func (c *Cache) store(table sentinel.Table, rel *warehouse.Table, a *Aggregate, answer Answer) {
	key, ok := a.key()
	if c == nil || !ok || rel.Written < 0 || answer.Err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tables == nil {
		c.tables = map[sentinel.Table]*tableAnswers{}
	}
	r := c.tables[table]
	if r == nil || !r.counts(rel) || len(r.answers) > 200 {
		r = &tableAnswers{id: rel.ID, storage: rel.Storage, written: rel.Written,
			answers: map[string]Answer{}, at: answer.AsOf}
		c.tables[table] = r
	}
	r.answers[key] = answer
}
