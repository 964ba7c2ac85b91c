package checks

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Memory keeps the answers of tables for as long as the engine's change
// counters say that nothing was written to them. The zero value is empty and
// ready; it may be used concurrently.
type Memory struct {
	mu     sync.Mutex
	tables map[sentinel.Table]*remembered
	// catalogs are the last looks at each set of tables that falls due together.
	catalogs map[catalogKey]*warehouse.Catalog
}

// catalogKey names a set of tables by a hash: a look that is not of these
// tables is told by the engine itself.
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

// rememberedCatalogs bounds the sets of tables remembered.
const rememberedCatalogs = 64

func (m *Memory) catalog(name string, tables []warehouse.TableName) *warehouse.Catalog {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.catalogs[keyOf(name, tables)]
}

func (m *Memory) keep(name string, tables []warehouse.TableName, c *warehouse.Catalog) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.catalogs == nil || len(m.catalogs) >= rememberedCatalogs {
		m.catalogs = map[catalogKey]*warehouse.Catalog{}
	}
	m.catalogs[keyOf(name, tables)] = c
}

type remembered struct {
	id      string
	written int64
	answers map[string]Answer
	at      time.Time // when the oldest of the answers was read
}

// key tells whether an aggregate may be remembered, and by what: SQL written by
// people may depend on the time of day, so only plain ones are.
func (a *Aggregate) key() (string, bool) {
	if a.Where != "" || a.Expr != "" || a.Func == "" {
		return "", false
	}
	return fmt.Sprintf("%s|%s|%t|%s|%d|%d", a.Func, a.Column, a.Epoch, a.Window.Column, a.Window.From.UnixMicro(), a.Window.To.UnixMicro()), true
}

// recall returns the answer if nothing was written since it was read.
func (m *Memory) recall(table sentinel.Table, rel *warehouse.Table, a *Aggregate) (Answer, bool) {
	key, ok := a.key()
	if m == nil || !ok || rel.Written < 0 {
		return Answer{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.tables[table]
	if r == nil || r.id != rel.ID || r.written != rel.Written {
		return Answer{}, false
	}
	answer, ok := r.answers[key]
	answer.Evidence = sentinel.Evidence{Source: "change_counters", Confidence: sentinel.Exact, Note: "nothing written since " + r.at.UTC().Format("2006-01-02 15:04:05") + " UTC"}
	return answer, ok
}

// learn keeps an answer read at the state that the catalog showed before.
func (m *Memory) learn(table sentinel.Table, rel *warehouse.Table, a *Aggregate, answer Answer) {
	key, ok := a.key()
	if m == nil || !ok || rel.Written < 0 || answer.Err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tables == nil {
		m.tables = map[sentinel.Table]*remembered{}
	}
	r := m.tables[table]
	if r == nil || r.id != rel.ID || r.written != rel.Written || len(r.answers) > 200 {
		r = &remembered{id: rel.ID, written: rel.Written, answers: map[string]Answer{}, at: answer.AsOf}
		m.tables[table] = r
	}
	r.answers[key] = answer
}
