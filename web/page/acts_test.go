package page_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/server"
	"github.com/sentinel-dq/sentinel/app/setup"
	_ "github.com/sentinel-dq/sentinel/repair/all"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// shop is a running agent with a warehouse in which the orders are lost.
type shop struct {
	*site
	dir string
}

// startShop starts an agent whose clock runs ten times as fast. Its orders have lost their rows,
// and a repair awaits a yes.
func startShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{dir: t.TempDir()}
	testenv.Exec(t, "sqlite", s.file("shop.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE kept (id INTEGER PRIMARY KEY)", "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
		"CREATE TABLE customers (id INTEGER PRIMARY KEY)", "INSERT INTO customers VALUES (1)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO kept SELECT i FROM n")
	const text = `
listen: 127.0.0.1:0
state: sqlite:state.db
jitter: 0s
web:
  tokens:
    - {name: oncall, role: operator, token: token-of-oncall-1}
    - {name: root, role: admin, token: token-of-root-1234}
    - {name: night, role: operator, token: token-of-night-12}
    - {name: grafana, role: viewer, token: token-of-grafana}
warehouses: {shop: {dsn: "sqlite:shop.db", repair_dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 5s", timezone: UTC}
datasets:
  - table: shop.orders
    checks: [row_count: {id: rows, fail: "< 50"}]
    repair:
      - on: [row_count]
        mode: plan
        sql: {do: [INSERT INTO orders SELECT id FROM kept], undo: [DELETE FROM orders]}
  - table: shop.customers
    checks: [schema: {id: shape, column_added: fail}]
`
	path := s.file("sentinel.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := setup.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	machine := sentinel.ClockFunc(time.Now)
	clock := sentinel.ScaledClock{Of: machine, Origin: machine.Now(), Start: machine.Now(), Rate: 10}
	run := server.New(
		cfg,
		server.Options{ConfigPath: path, Version: "test", Clock: clock, Log: slog.New(slog.DiscardHandler)},
	)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-run.Listening():
		s.site = &site{TB: t, url: "http://" + a}
	case err := <-done:
		t.Fatal(err)
	}
	return s
}

func (s *shop) file(name string) string { return filepath.Join(s.dir, name) }

// log returns who has done what by the audit log, the oldest first.
func (s *shop) log(about string) (entries []string) {
	s.Helper()
	memory, err := store.OpenReader(s.Context(), "sqlite:"+s.file("state.db"))
	if err != nil {
		s.Fatal(err)
	}
	defer memory.Close()
	all, err := memory.AuditEntries(s.Context(), store.AuditFilter{What: about})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range slices.Backward(all) {
		if e.Actor != "sentinel" {
			entries = append(entries, strings.TrimSpace(e.Actor+" "+e.What+" "+e.Detail))
		}
	}
	return entries
}

// follow waits for a link by its text, and follows it.
func (t *tab) follow(text string) {
	t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("main a")].find(a => a.innerText.trim() === %q)`, text)
	t.until("!!" + find)
	t.do(chromedp.Evaluate[chromedp.Void](find + ".click()"))
}

// click waits for a button or a summary by its text, and clicks it.
func (t *tab) click(text string) {
	t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("main button, main summary")].find(
		b => b.innerText.trim() === %q && b.checkVisibility() && !b.disabled)`, text)
	t.until("!!" + find)
	t.do(chromedp.Evaluate[chromedp.Void](find + ".click()"))
}

// write fills the field of the form that is open.
func (t *tab) write(name, text string) {
	t.Helper()
	t.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`[...document.querySelectorAll("main [name=%s]")].find(e => e.checkVisibility()).value = %q`, name, text)))
}

// A person approves a repair and sees it verified on the page as it is open. Another one is told
// that somebody was quicker. A viewer may read all and decide nothing.
func TestARepairIsApprovedAndSeenVerified(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	first, second := s.as("ann", "token-of-oncall-1", "/repairs"), s.as("bob", "token-of-night-12", "/repairs")
	viewer := s.as("eve", "token-of-grafana", "/repairs")
	for _, p := range []*tab{first, second, viewer} {
		p.follow("Review")
		p.shows("INSERT INTO orders SELECT id FROM kept")
		p.shows("DELETE FROM orders")
	}
	if enabled := value[int](viewer, `document.querySelectorAll("main form, main button:not([disabled])").length`); enabled > 0 {
		t.Errorf("a viewer has %d forms and buttons", enabled)
	}
	viewer.shows("grafana for eve is no operator")
	second.do(
		chromedp.Evaluate[chromedp.Void](
			`window.read = document.querySelector("main form[action$='/approve']").cloneNode(true)`,
		),
	)
	first.click("Approve this plan")
	first.until(
		`document.readyState === "complete" && document.body.innerText.includes("What happened") && !document.body.innerText.includes("Approve this plan")`,
	)
	first.do(chromedp.Evaluate[chromedp.Void](`window.same = true`))
	second.do(chromedp.Evaluate[chromedp.Void](`document.body.append(read); read.submit()`))
	second.shows("This cannot be done")
	first.shows("The repair is verified")
	if !value[bool](first, "window.same === true") {
		t.Error("the page was loaded again as a whole")
	}
	if log := s.log("repair.approved"); len(log) != 1 || !strings.HasPrefix(log[0], "oncall for ann repair.approved") {
		t.Errorf("the audit log has %q", log)
	}
	first.click("Roll back…")
	first.write("why", "the day is wrong")
	first.click("Roll back")
	first.shows("was rolled back")
	if log := s.log("repair.rollback_asked"); len(log) != 1 || !strings.HasSuffix(log[0], "the day is wrong") {
		t.Errorf("the audit log has %q", log)
	}
}

// A person acknowledges, writes, silences and accepts a schema; a second one who read the page
// before is told who was quicker.
func TestIncidentsAreDecided(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	p := s.as("ann", "token-of-oncall-1", "/incidents")
	p.follow("Open")
	p.shows("rows")
	path := value[string](p, "location.pathname")
	other := s.as("bob", "token-of-night-12", path)
	p.click("Acknowledge…")
	p.write("why", "I look at it")
	p.click("Acknowledge")
	p.shows("acknowledged: no more reminders")
	p.shows("I look at it")
	other.until(`!!document.querySelector("details.verb")`)
	other.do(chromedp.Evaluate[chromedp.Void](`(() => {
		const f = document.querySelector("main form[action$='/note']"); f.action = f.action.replace(/note$/, "ack");
		f.querySelector("textarea").value = "me too"; f.submit() })()`))
	other.shows(
		"Somebody was quicker: the incident is already acknowledged (acknowledged by oncall for ann: I look at it)",
	)
	p.click("Write a note…")
	p.write("why", "The provider replays at noon.")
	p.click("Write")
	p.shows("The provider replays at noon.")
	p.click("Silence…")
	p.write("why", "until noon")
	p.click("Silence")
	p.shows("Silenced by")
	p.click("This was expected…")
	p.write("why", "a sale")
	p.click("Mark as expected")
	p.shows("resolved it") // and opened again, should a look have come between
	want := []string{
		"oncall for ann incident.ack I look at it", "oncall for ann incident.note The provider replays at noon.",
		"oncall for ann incident.resolve expected: a sale",
	}
	if got := s.log("incident."); !slices.Equal(got, want) {
		t.Errorf("the audit log has %q", got)
	}
	if got := s.log("label.set"); len(got) != 1 || !strings.HasSuffix(got[0], "exclude true: a sale") {
		t.Errorf("the audit log has %q", got)
	}
}

// A person accepts a schema as they have read it. What has changed since is not accepted.
func TestASchemaIsAccepted(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	p := s.as("ann", "token-of-oncall-1", "/incidents")
	p.shows("shop.main.orders") // the first schema is the accepted one
	testenv.Exec(t, "sqlite", s.file("shop.db"), "ALTER TABLE customers ADD COLUMN vip INTEGER")
	p.until(`[...document.querySelectorAll("main a")].some(a => a.innerText.includes("shop.main.customers"))`)
	p.follow("shop.main.customers")
	p.shows("vip")
	p.click("Accept the schema…")
	testenv.Exec(t, "sqlite", s.file("shop.db"), "ALTER TABLE customers ADD COLUMN note TEXT")
	p.click("Accept the schema")
	p.shows("The schema has changed again since you read it")
	p.follow("See it as it is now")
	p.until(`[...document.querySelectorAll("main td code")].some(c => c.innerText === "note")`)
	p.click("Accept the schema…")
	p.write("why", "release 42")
	p.click("Accept the schema")
	p.shows("Resolved")
	if got := s.log("baseline.accept"); !slices.Equal(got, []string{"oncall for ann baseline.accept release 42"}) {
		t.Errorf("the audit log has %q", got)
	}
}

// While the state cannot be written, a person is told what is in force and what is not done.
func TestWhileTheStateCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	p, q := s.as("ann", "token-of-oncall-1", "/incidents"), s.as("ann", "token-of-oncall-1", "/repairs")
	p.follow("Open")
	q.follow("Review")
	q.shows("Approve this plan")
	lock(t, s.file("state.db"))
	q.click("Approve this plan")
	p.click("Acknowledge…")
	p.click("Acknowledge")
	p.shows("What you decided is in force for this agent, and is recorded as soon as the state can be written.")
	q.shows("Nothing was done")
}

// Without a script a page can be read, and forms be sent.
func TestWithoutAScript(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	p := s.as("ann", "token-of-oncall-1", "/incidents")
	p.follow("Open")
	p.shows("What happened")
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(
			ctx,
			target,
			emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: true},
		)
		return err
	}), chromedp.Navigate(value[string](p, "location.href")), chromedp.Click("details.verb[data-key=n] summary"),
		chromedp.SendKeys("details.verb[data-key=n] textarea", "by hand"), chromedp.Click("details.verb[data-key=n] button"),
		chromedp.WaitVisible(".tl blockquote"))
	if got := s.log("incident.note"); !slices.Equal(got, []string{"oncall for ann incident.note by hand"}) {
		t.Errorf("the audit log has %q", got)
	}
}

// lock keeps others from writing to a file until the test ends.
func lock(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Conn(t.Context())
	if err == nil {
		_, err = c.ExecContext(t.Context(), "PRAGMA busy_timeout=5000")
	}
	if err == nil {
		_, err = c.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := c.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK")
		if err := errors.Join(err, c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
}
