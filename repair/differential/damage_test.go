package differential_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// damage changes rows of the window in one or two ways. What a constraint refuses is left.
func (t *table) damage(r *rand.Rand) {
	for range 1 + r.IntN(2) {
		some := fmt.Sprintf(" WHERE id >= %d AND id %% 3 = %d", firstInside, r.IntN(3))
		switch r.IntN(8) {
		case 0:
			t.try("DELETE FROM " + t.quoted() + fmt.Sprintf(" WHERE id >= %d", firstInside))
		case 1:
			t.try("DELETE FROM " + t.quoted() + some)
		case 2:
			t.insert(t.draw(r, 1+r.IntN(5), firstInside))
		case 3:
			t.try("UPDATE " + t.quoted() + " SET id = id + 40" + some + " AND id < 50")
		case 4:
			t.try("UPDATE " + t.quoted() + " SET at = '" + t.at(time.Duration(r.IntN(86400))*time.Second) + "'" + some)
		case 5:
			if t.key == "" {
				names := strings.Join(t.names(), ", ")
				t.try("INSERT INTO " + t.quoted() + " (" + names + ") SELECT " + names + " FROM " + t.quoted() + some)
			}
		default:
			t.overwrite(r, some)
		}
	}
}

// overwrite changes a column of some rows.
func (t *table) overwrite(r *rand.Rand, some string) {
	if len(t.columns) == 0 {
		return
	}
	c := pick(r, t.columns)
	value := c.literal(r, firstInside+r.IntN(50))
	if chance(r, 3) {
		value = "NULL"
	}
	t.try("UPDATE " + t.quoted() + " SET " + t.quote(c.name) + " = " + value + some)
}

// try runs a statement that a constraint may refuse.
func (t *table) try(statement string) { _ = t.tried(statement) }
