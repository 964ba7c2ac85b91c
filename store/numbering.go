package store

import (
	"context"
	"fmt"
	"iter"
)

// numbering is a table that gives each key a number, its id. It remembers the ids that it
// has read.
type numbering[K comparable] struct {
	table  string
	insert statement         // adds keys that may be there
	find   statement         // from rows of a place and a key to the place and the id
	args   func(key K) []any // the arguments of a key
	ids    map[K]int64
	forgot func() // called when the ids are forgotten; nil for nothing
	newest int64  // the highest id when ids was read or added to
	// session is the one of which newest is known; none if known is false.
	session int64
	known   bool
}

// learn reads the ids of keys, and adds those that are new.
func (n *numbering[K]) learn(ctx context.Context, t *txn, keys iter.Seq[K]) error {
	if err := n.distrust(ctx, t); err != nil {
		return err
	}
	unknown, err := n.lookUp(ctx, t, n.unknown(keys))
	if err != nil || len(unknown) == 0 {
		return err
	}
	args := make([]any, 0, len(unknown)*n.insert.width)
	for _, key := range unknown {
		args = append(args, n.args(key)...)
	}
	if err := t.exec(ctx, n.insert, args); err != nil {
		return err
	}
	missing, err := n.lookUp(ctx, t, unknown)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%v was not added to the table %s", missing[0], n.table)
	}
	return err
}

// distrust forgets the ids at the first use of a session if the table does not end where it did: a
// failover of the server may have taken the youngest rows back.
func (n *numbering[K]) distrust(ctx context.Context, t *txn) error {
	if n.known && n.session == t.session {
		return nil
	}
	st, err := t.prepare(ctx, `SELECT coalesce(max(id), 0) FROM `+n.table)
	if err != nil {
		return err
	}
	var newest int64
	if err := st.QueryRowContext(ctx).Scan(&newest); err != nil {
		return err
	}
	if newest != n.newest {
		clear(n.ids)
		if n.forgot != nil {
			n.forgot()
		}
		n.newest = newest
	}
	n.session, n.known = t.session, true
	return nil
}

// unknown are the keys whose ids are not known, each once.
func (n *numbering[K]) unknown(keys iter.Seq[K]) (unknown []K) {
	seen := map[K]bool{}
	for key := range keys {
		if _, known := n.ids[key]; !known && !seen[key] {
			seen[key] = true
			unknown = append(unknown, key)
		}
	}
	return unknown
}

// lookUp reads the ids of keys, and returns the keys that are not there.
func (n *numbering[K]) lookUp(ctx context.Context, t *txn, wanted []K) (missing []K, err error) {
	args := make([]any, 0, len(wanted)*n.find.width)
	for place, key := range wanted {
		args = append(args, place)
		args = append(args, n.args(key)...)
	}
	err = t.query(ctx, n.find, args, func(scan func(...any) error) error {
		var place int
		var id int64
		if err := scan(&place, &id); err != nil {
			return err
		}
		n.ids[wanted[place]] = id
		n.newest = max(n.newest, id)
		return nil
	})
	for _, key := range wanted {
		if _, known := n.ids[key]; !known {
			missing = append(missing, key)
		}
	}
	return missing, err
}
