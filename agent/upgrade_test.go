package agent

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// earlierState unpacks a state of the version with one incident a finding, executes
// statements in it, and opens it.
func earlierState(t *testing.T, dialect string, statements ...string) *store.Store {
	t.Helper()
	name := map[string]string{"postgres": "old-postgres.sql.gz", "sqlite": "old-sqlite.db.gz"}[dialect]
	f, err := os.Open(filepath.Join("..", "store", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	var url string
	if dialect == "postgres" {
		url = testenv.Postgres(t)
		testenv.Exec(t, "pgx", url, append([]string{string(data)}, statements...)...)
	} else {
		path := filepath.Join(t.TempDir(), "state.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		testenv.Exec(t, "sqlite", path, statements...)
		url = "sqlite:" + path
	}
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// beforeUpgrade is when the first incident was opened.
var beforeUpgrade = time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC)

// earlierRows returns the statements that write an incident of a check of the table t,
// and a queued repair of it.
func earlierRows(dialect, check string, severity sentinel.Status, state sentinel.IncidentState) []string {
	opened := beforeUpgrade
	if check == "b" {
		opened = opened.Add(time.Minute)
	}
	i := sentinel.Incident{
		ID: "i" + check, Check: check, Table: table("t"), Tier: "warning", State: state, Severity: severity,
		Opened: opened, Transitions: 1, Message: check,
	}
	if state == sentinel.Suppressed {
		i.Prior = sentinel.Open
	}
	r := sentinel.Repair{
		ID: "r" + check, Key: "k" + check, Incident: i.ID, Check: check, Table: i.Table,
		Plan: sentinel.Plan{Table: i.Table}, State: sentinel.AwaitingApproval,
	}
	bytes, no := `CAST('%s' AS BLOB)`, "0"
	if dialect == "postgres" {
		bytes, no = `convert_to('%s', 'UTF8')`, "false"
	}
	incident, errI := json.Marshal(i)
	repair, errR := json.Marshal(r)
	if err := errors.Join(errI, errR); err != nil {
		panic(err)
	}
	return []string{
		fmt.Sprintf(`INSERT INTO incident (id, check_id, finding, opened, resolved, body)
VALUES ('%s', '%s', '', %d, NULL, %s)`,
			i.ID, check, opened.UnixMicro(), fmt.Sprintf(bytes, incident)),
		fmt.Sprintf(`INSERT INTO repair (id, key, check_id, state, final, version, fence, holder, lease, created, body)
VALUES ('%s', '%s', '%s', '%s', %s, 1, 1, '', 0, 1, %s)`, r.ID, r.Key, check, r.State, no, fmt.Sprintf(bytes, repair)),
	}
}

// After the upgrade to one incident a dataset, people hear of a failure that nobody has
// acknowledged, although the incident that it joins was acknowledged or suppressed. Its
// repairs go on.
func TestUpgradeJoinsIncidents(t *testing.T) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		for _, leader := range []sentinel.IncidentState{sentinel.Acknowledged, sentinel.Suppressed, sentinel.Open} {
			t.Run(dialect+"/"+string(leader), func(t *testing.T) {
				rows := append(earlierRows(dialect, "a", sentinel.Warn, leader),
					earlierRows(dialect, "b", sentinel.Fail, sentinel.Open)...)
				s := earlierState(t, dialect, rows...)
				known, err := s.OpenIncidents(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				in := newIncidents(known, &fixedPolicy{})
				if i := in.open[table("t")]; i.ID != "ia" || i.State != sentinel.Open || i.Prior != "" || len(i.Findings) != 2 {
					t.Errorf("the incident is %s, %s (%s), with %d findings", i.ID, i.State, i.Prior, len(i.Findings))
				}
				in.apply(sentinel.Result{
					Check: "b", Table: table("t"), Tick: beforeUpgrade.Add(time.Hour), Status: sentinel.Fail,
					Findings: []sentinel.Finding{{Status: sentinel.Fail, Message: "b"}},
				}, Meta{Tier: "warning"})
				changes := in.takeChanges()
				if len(changes) != 1 || changes[0].Kind != notify.Worsened || changes[0].Incident.Message != "b" {
					t.Errorf("people hear of %+v", changes)
				}
				for _, id := range []string{"ra", "rb"} {
					r, err := s.Repairs(t.Context(), store.RepairFilter{ID: id})
					if err != nil || len(r) != 1 || r[0].Incident != "ia" || r[0].State != sentinel.AwaitingApproval {
						t.Errorf("repair %s is %+v, %v", id, r, err)
					}
				}
			})
		}
	}
}

// An incident that was caused by one that was joined is caused by the one that goes on.
func TestUpgradeKeepsCauses(t *testing.T) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			rows := append(earlierRows(dialect, "a", sentinel.Warn, sentinel.Open),
				earlierRows(dialect, "b", sentinel.Fail, sentinel.Open)...)
			down := earlierRows(dialect, "c", sentinel.Fail, sentinel.Open)
			down[0] = strings.NewReplacer(table("t").String(), table("down").String(), `"state":`, `"upstream":"ib","state":`).
				Replace(down[0])
			known, err := earlierState(t, dialect, append(rows, down[0])...).OpenIncidents(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i := newIncidents(known, &fixedPolicy{}).open[table("down")]
			if i.ID != "ic" || i.Upstream != "ia" || len(i.Findings) != 1 || i.Findings[0].Upstream != "ia" {
				t.Errorf("%+v", i)
			}
		})
	}
}

// What is acknowledged stays so if the joined incident is, too.
func TestUpgradeKeepsAcknowledged(t *testing.T) {
	rows := append(earlierRows("sqlite", "a", sentinel.Warn, sentinel.Acknowledged),
		earlierRows("sqlite", "b", sentinel.Fail, sentinel.Acknowledged)...)
	known, err := earlierState(t, "sqlite", rows...).OpenIncidents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i := newIncidents(known, &fixedPolicy{}).open[table("t")]; i.State != sentinel.Acknowledged || i.Severity != sentinel.Warn {
		t.Errorf("it is %s, %s", i.State, i.Severity)
	}
}
